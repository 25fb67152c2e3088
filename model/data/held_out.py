"""Which texts are held out: chosen by a hash of the text, and by nothing else.

So two networks hold out the same texts whatever their tokenizers, seeds and other rows: what a
teacher has never seen, its student has never seen either. One half of them, again by the hash,
stops the training and calibrates; the other half does neither, and makes label sets.
"""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

HASH_COLUMN = "text_hash"


def text_hashes(texts: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Hashes texts; case and white space don't count.

    Args:
        texts: string [rows], none null.

    Returns:
        uint64 [rows]: the first eight bytes of BLAKE2b (RFC 7693), little-endian.
    """
    words = pc.replace_substring_regex(pc.utf8_lower(texts), r"\s+", " ")
    digests = b"".join(
        hashlib.blake2b(text.encode(), digest_size=8).digest()
        for text in pc.utf8_trim_whitespace(words).to_pylist()
    )
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def first_kept(hashes: np.ndarray, validation: float, at_most: int | None = None) -> np.uint64:
    """Which texts are held out: those whose hash is below this.

    That is the first `validation` of all hashes there are; so a smaller share is a part of a larger
    one, and equal texts share their fate.

    Args:
        hashes: uint64 [rows], of what may be held out.
        validation: The share to hold out, in [0, 1).
        at_most: Rows to hold out at most; those of the lowest hashes are.
    """
    limit = np.uint64(validation * 2.0**64)
    if at_most is not None and at_most < len(hashes):
        limit = min(limit, np.sort(hashes)[at_most])
    return limit


def is_conformal(hashes: np.ndarray) -> np.ndarray:
    """Which of the texts held out are kept from training altogether, for label sets.

    By the hash's last bit, which has nothing to do with how large a share is held out: a text that
    one network is calibrated on is never taken for another's label sets.

    Args:
        hashes: uint64 [rows].

    Returns:
        bool [rows].
    """
    return (hashes & np.uint64(1)).astype(bool)
