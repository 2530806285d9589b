# Sourced by the scripts that need .venv, with $self set to the script's own path. Sets $root, the checkout.
#
#   ensure_venv runtime|dev     returns at once when .venv holds what the lock files say, else makes it so
#
# Python is the one .venv was made with, else the best one found; $PYTHON, where set, stands above both.

PYTHON=${PYTHON-}
root=$(cd -P "${self%/*}/.." && pwd -P)

ensure_venv() {
    case $1 in dev) lock=requirements-dev.lock ;; *) lock=requirements.lock ;; esac
    if ! is_current "$lock" "$1"; then
        find_python
        "$python" -I "$root/scripts/bootstrap.py" "$1" || exit $?
    fi
}

# Whether .venv was installed from these very files in this very place. bootstrap.py writes what is compared here.
is_current() {
    [ -x "$root/.venv/bin/python" ] || return 1
    if [ -n "$PYTHON" ]; then
        [ -r "$root/.venv/made-with" ] && read -r made_with <"$root/.venv/made-with" || return 1
        [ "$made_with" = "$PYTHON" ] || return 1
    fi
    { printf '%s\n' "$root" && cat "$root/pyproject.toml" "$root/$1"; } | cmp -s - "$root/.venv/installed-$2"
}

find_python() {
    found=
    for python in ${PYTHON:+"$PYTHON"} "$root/.venv/bin/python" python3.13 python3.12 python3.11 python3 python; do
        fitness=0
        version=$("$python" -c "$probe" 2>/dev/null) || fitness=$?
        case $fitness in
            0) return ;;
            3) found="$found, $python is $version" ;;
            4) found="$found, $python ($version) lacks the venv module (on Debian: apt-get install python$version-venv)" ;;
            *) [ "$python" != "$PYTHON" ] || found="$found, $python does not run" ;;
        esac
        [ "$python" != "$PYTHON" ] || break
    done
    echo "voicecli needs Python 3.11, 3.12 or 3.13, with its venv module${found:+: ${found#, }}." >&2
    echo "Install one (https://www.python.org/downloads/), or name it: PYTHON=/path/to/python3.13 $self" >&2
    exit 5
}

probe='
import sys
print("%d.%d" % sys.version_info[:2])
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit(3)
try:
    import venv, ensurepip
except ImportError:
    sys.exit(4)
'
