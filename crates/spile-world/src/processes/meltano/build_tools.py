"""Downloads what builds the packages in a folder that have no wheel. Its arguments: the folder, then options of pip.

A machine without a package index builds these packages itself, and asks for their build tools in the same folder. Locks
do not name build tools: neither pip nor uv compares their hashes.
"""

import glob
import os
import subprocess
import sys
import tarfile
import zipfile

try:
    import tomllib
except ImportError:  # Python 3.10
    from pip._vendor import tomli as tomllib

# What installers assume if a package does not say what builds it (PEP 518).
ASSUMED = ["setuptools>=40.8.0", "wheel"]


def settings_of(path):
    """Returns the text of the `pyproject.toml` at the top of a source archive; `None` if it has none."""
    if path.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if is_settings(name)]
            return archive.read(names[0]).decode() if names else None
    with tarfile.open(path) as archive:
        members = [one for one in archive.getmembers() if one.isfile() and is_settings(one.name)]
        return archive.extractfile(members[0]).read().decode() if members else None


def is_settings(name):
    return name.split("/")[1:] == ["pyproject.toml"]


def tools_of(path):
    settings = tomllib.loads(settings_of(path) or "")
    return settings.get("build-system", {}).get("requires", ASSUMED)


folder, options = sys.argv[1], sys.argv[2:]
sources = [path for end in ("*.tar.gz", "*.zip") for path in glob.glob(os.path.join(glob.escape(folder), end))]
tools = sorted({tool for path in sources for tool in tools_of(path)})
if tools:
    pip = [sys.executable, "-m", "pip", "download", "--no-input", "--disable-pip-version-check"]
    sys.exit(subprocess.run([*pip, *options, "--dest", folder, *tools]).returncode)
