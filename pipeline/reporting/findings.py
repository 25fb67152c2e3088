"""What a person should know of a run before believing its labels, in plain sentences."""

import math
from typing import Any

from pipeline.corpus.documents import LEFT_OUT
from pipeline.quality.evaluation import wilson
from pipeline.quality.lengths import of_long_texts
from pipeline.reporting.humanize import count, percent, plural
from pipeline.reporting.language_sections import of_other_languages

# From which share on something is worth a sentence.
MANY_ERRORS = 0.01
MANY_TRUNCATED = 0.05
MANY_UNSURE = 0.1
BADLY_CALIBRATED = 0.1


def findings(manifest: dict[str, Any]) -> list[str]:
    """The sentences; none if nothing stands out."""
    return [
        *_of_the_corpus(manifest),
        *_of_the_labels(manifest),
        *[f"Drift: {sentence}." for sentence in (manifest["drift"] or {}).get("moved", [])],
        *[f"Incomplete: {problem}." for problem in manifest["problems"]],
    ]


def of_the_cascade(manifest: dict[str, Any]) -> str | None:
    """Which of two models decided how many rows; None if there was only one."""
    if "then" not in manifest:
        return None
    first, second = manifest["then"]["names"]
    rows = manifest["stats"].get("rows_by_model", {})
    chosen = manifest.get("threshold")
    confidence = chosen["threshold"] if chosen else manifest["plan"]["settings"]["confidence"]
    below = "" if confidence is None else f" with a score below {confidence:g}"
    return (
        f"{first} decided {plural(rows.get(first, 0), 'row')}, {second} the "
        f"{count(rows.get(second, 0))}{below}"
    )


def of_the_promise(manifest: dict[str, Any]) -> str | None:
    """How the run came to its threshold, and what it may be trusted to; None if it was given."""
    chosen = manifest.get("threshold")
    if chosen is None:
        return None
    _, second = manifest["then"]["names"]
    promised, sample = f"{chosen['agreement'] * 100:g} %", plural(chosen["sample"], "row")
    if chosen["sample"] < chosen["fewest"]:
        return (
            f"no threshold was chosen for an agreement of {promised}: that takes a sample of "
            f"{count(chosen['fewest'])} rows at least, and a quarter of the corpus at most; so "
            f"{second} labels every row"
        )
    if chosen["threshold"] is None:
        return (
            f"at no threshold that saves anything do {promised} of the labels surely agree with "
            f"{second}'s, by a sample of {sample}; so {second} labels every row"
        )
    bound = math.floor(chosen["bound"] * 1e4) / 100
    return (
        f"at least {bound:.2f} % of the labels are those that {second} gives, with a "
        f"confidence of 95 %, since of {sample} drawn at random {count(chosen['disagreements'])} "
        f"would get another; the run takes {percent(chosen['cost'])} of {second}'s time for all"
    )


def of_the_sets(manifest: dict[str, Any]) -> str | None:
    """How many labels the sets have, and how often they hold the true one; None without sets."""
    sets = manifest.get("label_sets")
    if sets is None:
        return None
    sizes = [
        f"{plural(rows, 'row')} {'has' if rows == 1 else 'have'} {plural(int(size), 'label')}"
        for size, rows in sets["sizes"].items()
    ]
    asked = f"{sets['coverage'] * 100:g} %"
    sentence = f"{', '.join(sizes) or 'no row has any'}, for a coverage of {asked}"
    if "reached" not in sets:
        return sentence
    low, high = sets["interval"]
    return (
        f"{sentence}; the true label is in {percent(sets['reached'])} of the sets "
        f"({percent(low)} to {percent(high)}, {plural(sets['known'], 'row')})"
    )


def of_missed_coverage(manifest: dict[str, Any]) -> list[str]:
    """Of label sets that hold the true label less often than they were to; else an empty list."""
    sets = manifest.get("label_sets", {})
    if "reached" not in sets or sets["interval"][1] >= sets["coverage"]:
        return []
    return [
        f"The label sets hold the true label in {percent(sets['reached'])} of the rows, and were "
        f"to hold it in {sets['coverage'] * 100:g} %, by more than chance explains: this corpus "
        "is unlike the rows that they are made by. python -m model.calibrate makes them by others."
    ]


def of_a_failing_model(manifest: dict[str, Any]) -> list[str]:
    """Of a cascade, on how many rows the second model failed; an empty list if on none."""
    if "then" not in manifest:
        return []
    first, second = manifest["then"]["names"]
    stats = manifest["stats"]
    passed_on = stats.get("counts", {}).get("then_rows", 0)
    failed = passed_on - stats.get("rows_by_model", {}).get(second, 0)
    if not failed:
        return []
    return [f"{second} failed on {plural(failed, 'row')}, where {first}'s unsure label stands."]


def _of_the_corpus(manifest: dict[str, Any]) -> list[str]:
    sentences = []
    rows, errors = manifest["rows"], manifest["stats"].get("errors", {})
    in_error = manifest["in_error"] - sum(errors.get(code, 0) for code in LEFT_OUT)
    if not rows:
        sentences.append("The corpus has no rows.")
    elif in_error >= MANY_ERRORS * rows:
        verb = "has" if in_error == 1 else "have"
        sentences.append(
            f"{plural(in_error, 'row')} ({percent(in_error / rows)}) {verb} no label, because "
            "something is wrong with the row; the reasons are below."
        )
    if manifest["bad_files"]:
        files = plural(len(manifest["bad_files"]), "file")
        sentences.append(f"{files} could not be read to the end; they are listed below.")
    if others := of_other_languages(manifest):
        sentences.append(f"{others}.")
    return sentences


def _of_the_labels(manifest: dict[str, Any]) -> list[str]:
    sentences = []
    stats = manifest["stats"]
    labelled = manifest["labelled"]
    truncated = stats.get("truncated", 0)
    if labelled and truncated >= MANY_TRUNCATED * labelled:
        sentences.append(
            f"{percent(truncated / labelled)} of the texts are longer than the model can see "
            f"({manifest['bundle']['max_tokens']} tokens); the rest of them was not looked at"
            f"{_of_windows(stats)}."
        )
    unsure = sum(
        rows
        for bins in stats.get("confidence", {}).values()
        for number, rows in bins.items()
        if int(number) < 10
    )
    if labelled and unsure >= MANY_UNSURE * labelled:
        sentences.append(
            f"{percent(unsure / labelled)} of the labels have a confidence below 0.5: treat them "
            "as guesses."
        )
    sentences += [*of_a_failing_model(manifest), *of_missed_coverage(manifest)]
    return [*sentences, *_of_the_evaluation(manifest)]


def _of_windows(stats: dict[str, Any]) -> str:
    """What scoring all of long texts would cost, of a run that knows it."""
    long = of_long_texts(stats)
    if long is None:
        return ""
    return f", but would be with --long_texts windows, for {long['times']:.1f} times the work"


def _of_the_evaluation(manifest: dict[str, Any]) -> list[str]:
    evaluation = manifest["evaluation"]
    gold = manifest["stats"].get("gold")
    if gold and not evaluation:
        return ["No row has both a label and a true label, so accuracy is not known."]
    if not evaluation:
        return []
    sentences = []
    if evaluation["foreign"]:
        names = [row["gold"] for _, _, row in gold["foreign_examples"]]
        sentences.append(
            f"{plural(evaluation['foreign'], 'row')} of {count(evaluation['rows'])} have a true "
            f"label that is unknown to the bundle ({', '.join(names)}); they count as mistakes."
        )
    held_out = manifest["bundle"]["metrics"].get("validation")
    if held_out is not None:
        right = round(held_out["accuracy"] * held_out["rows"])
        if evaluation["interval"][1] < wilson(right, held_out["rows"])[0]:
            sentences.append(
                f"The accuracy here, {percent(evaluation['accuracy'])}, is lower than on the rows "
                f"held out in training, {percent(held_out['accuracy'])}, by more than chance "
                "explains."
            )
    if evaluation["calibration_error"] >= BADLY_CALIBRATED:
        sentences.append(
            "Confidence is not to be taken at its word here: it is off by "
            f"{percent(evaluation['calibration_error'])} on average."
        )
    return sentences
