"""What a Flex Template's launcher starts: `python main.py --input=... --model=... --output=...`.

A file outside the package, since Python puts the folder of the file it starts first in its path,
where `pipeline/corpus/inputs.py` would be found as `inputs`.
"""

from pipeline.launcher.command import main
from pipeline.score import score

if __name__ == "__main__":
    main(score)
