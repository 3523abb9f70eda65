"""The page /learn of a server, as a page of the site: files in place of routes."""

import re
import shutil
from pathlib import Path, PurePath

from inkling.reading import bundle
from inkling.web import learn

STATIC = Path(learn.__file__).parent / "static"
NAVIGATION = '<nav aria-label="Pages"><a href="../index.html">Lessons</a></nav>'
IMPORT = re.compile(r'(?:from|import|new URL\()\s*"\./([\w/-]+\.js)"')


def write(folder: Path) -> None:
    """Write the page, its modules, its images to train with, and the network that ships."""
    static = folder / "static"
    static.mkdir(parents=True, exist_ok=True)
    page = (STATIC / "learn.html").read_text()
    shell = re.sub(r'<link rel="manifest".*\n', "", (STATIC / "shell.html").read_text())
    todo, done = set(re.findall(r'static/([\w.-]+)"', page + shell)), set[str]()
    while todo:
        name = todo.pop()
        done.add(name)
        (static / name).parent.mkdir(exist_ok=True)
        shutil.copy(STATIC / name, static / name)
        if name.endswith(".js"):
            near = PurePath(name).parent
            found = IMPORT.findall((STATIC / name).read_text())
            todo |= {(near / other).as_posix() for other in found} - done
    head, main = page.split("<main", 1)
    main = main.replace("api/learn/sample", "sample.bin").replace(
        "api/models/model.onnx", "model.onnx"
    )
    shell = re.sub(r"<nav .*?</nav>", NAVIGATION, shell)
    shell = re.sub(r'  <(a|span) id="(served|connection)".*\n', "", shell)  # no server is here
    shell = shell.replace('href="./"', 'href="../../index.html"')
    (folder / "index.html").write_text(
        shell.replace("$head", head).replace("$main", "<main" + main)
    )
    (folder / "sample.bin").write_bytes(learn.rows())
    shutil.copy(bundle.PRETRAINED / "model.onnx", folder / "model.onnx")
