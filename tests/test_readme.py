"""What the README shows runs as it stands."""

import re
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def test_the_blocks_of_python_run_one_after_the_other(capsys):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    assert len(blocks) > 3
    for block in blocks:
        exec(block, names)
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "torch.Size([9, 1, 288]) torch.Size([10, 1, 288])"
    assert float(told[1]) < 1e-4
    assert names["forget"].shape == (50, 8, 64)
    assert names["matrix"].shape == (21, 21)
