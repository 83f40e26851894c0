#!/usr/bin/env bash
# Sets up a virtual environment with everything Warraq needs: deploy/setup.sh runtime|dev
# Installs poppler with apt-get where it is missing and may be installed; else says what to run.
set -euo pipefail
cd "$(dirname "$0")/.."

part=${1:-runtime}
venv=${VENV:-.venv}
torch=${TORCH:-cpu}
torch_version=2.13.0

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$1"; printf '       %s\n' "$2" >&2; exit 3; }

python=${PYTHON:-python3}
command -v "$python" >/dev/null || die "Python is missing." "Install it: sudo apt-get install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "$("$python" --version) is too old: Warraq needs 3.11 or newer." "Name a newer one: make PYTHON=python3.12 demo"

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo -n "$@"
    else return 1; fi
}

missing=()
for program in pdftoppm pdfinfo pdfimages pdftotext; do command -v "$program" >/dev/null || missing+=("$program"); done
if [ ${#missing[@]} -gt 0 ]; then
    say "installing poppler-utils (missing: ${missing[*]})"
    { command -v apt-get >/dev/null && as_root apt-get update -qq &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq poppler-utils >/dev/null; } ||
        die "poppler-utils is missing and could not be installed." "Run: sudo apt-get update && sudo apt-get install poppler-utils"
fi

if [ ! -x "$venv/bin/python" ]; then
    say "creating $venv"
    "$python" -m venv "$venv" ||
        die "The venv module is missing." "Run: sudo apt-get install python3-venv"
fi
pip=("$venv/bin/python" -m pip --disable-pip-version-check -q)

if [ "$part" = runtime ]; then
    "${pip[@]}" install --upgrade "pip>=25.1"
    case "$torch-$(uname -s)" in
    cpu-Linux)
        # The plain Linux package brings gigabytes of CUDA, so the CPU build is asked for by its own name: first
        # wherever pip is already set up to look, then where PyTorch publishes it.
        "$venv/bin/python" -c 'import torch' 2>/dev/null || {
            say "installing PyTorch $torch_version, CPU build (about 200 MB)"
            "${pip[@]}" install "torch==$torch_version+cpu" 2>/dev/null ||
                "${pip[@]}" install --extra-index-url https://download.pytorch.org/whl/cpu "torch==$torch_version+cpu" ||
                die "The CPU build of PyTorch $torch_version could not be installed." "Check the network, or install it by hand into $venv and run this again."
        } ;;
    cpu-* | cuda-*) say "installing PyTorch for $torch"; "${pip[@]}" install "torch==$torch_version" ;;
    *) die "TORCH=$torch is unknown." "Use TORCH=cpu or TORCH=cuda." ;;
    esac
    say "installing Warraq and its dependencies"
    "${pip[@]}" install -e .
    touch "$venv/.ready"
else
    # Some tests draw Arabic lines; without a font they say so and are skipped.
    if ! fc-list :lang=ar 2>/dev/null | grep -q .; then
        say "installing an Arabic font for the tests"
        { command -v apt-get >/dev/null && as_root apt-get update -qq &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq fontconfig fonts-hosny-amiri >/dev/null; } ||
            say "no Arabic font could be installed: some tests will be skipped"
    fi
    if ! { command -v chromium && command -v chromedriver; } >/dev/null; then
        say "installing Chromium for the tests of the viewer"
        { command -v apt-get >/dev/null && as_root apt-get update -qq &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver >/dev/null; } ||
            say "no Chromium could be installed: the tests in a browser will be skipped"
    fi
    say "installing the tools of development"
    "${pip[@]}" install --group dev
    touch "$venv/.ready-dev"
fi
