#!/bin/sh
# Installs spile from a release: checks its checksum, needs no root, and writes only one program.
#
#   curl -fsSL https://raw.githubusercontent.com/OWNER/spile/main/install.sh | sh
#
# SPILE_VERSION   a version, for example 1.2.3 (default: the newest release)
# SPILE_SHA256    the checksum that the archive must have (default: the one in the release's SHA256SUMS)
# SPILE_BIN       the folder of the program (default: ~/.local/bin)
# SPILE_RELEASES  where releases are (default: https://github.com/OWNER/spile/releases)
set -eu

releases=${SPILE_RELEASES:-https://github.com/OWNER/spile/releases}
bin=${SPILE_BIN:-${HOME:?"HOME is not set: set SPILE_BIN to the folder for the program"}/.local/bin}

fail() {
  printf 'error: %s\n  help: %s\n' "$1" "$2" >&2
  exit 1
}

has() { command -v "$1" > /dev/null 2>&1; }

fetch() { # ADDRESS FILE
  if has curl; then
    curl -fsSL --proto '=https,http' --retry 2 -o "$2" "$1"
  elif has wget; then
    wget -qO "$2" "$1"
  else
    fail "neither curl nor wget is installed" "install one of them, or use \`pipx install spile\`"
  fi
}

checksum() { # FILE
  if has sha256sum; then
    sha256sum "$1" | cut -d ' ' -f 1
  elif has shasum; then
    shasum -a 256 "$1" | cut -d ' ' -f 1
  else
    fail "no program for SHA-256 checksums is installed" "install coreutils, or use \`pipx install spile\`"
  fi
}

main() {
  case "$(uname -s)" in
    Linux) system=unknown-linux-musl ;;
    Darwin) system=apple-darwin ;;
    *) fail "there is no release for $(uname -s)" "use \`cargo install --locked --path .\` in a clone" ;;
  esac
  case "$(uname -m)" in
    x86_64 | amd64) machine=x86_64 ;;
    aarch64 | arm64) machine=aarch64 ;;
    *) fail "there is no release for $(uname -m)" "use \`cargo install --locked --path .\` in a clone" ;;
  esac
  target=$machine-$system

  if [ -n "${SPILE_VERSION:-}" ]; then
    from=$releases/download/v${SPILE_VERSION#v}
  else
    from=$releases/latest/download
  fi
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' INT TERM
  fetch "$from/SHA256SUMS" "$work/SHA256SUMS" \
    || fail "cannot download $from/SHA256SUMS" "check the version and the network; a proxy is taken from \`https_proxy\`"
  archive=$(sed -n "s/^[0-9a-f]\{64\}  \(spile-[^ /]*-$target\.tar\.gz\)\$/\1/p" "$work/SHA256SUMS")
  [ -n "$archive" ] || fail "the release has no archive for $target" "choose another version with SPILE_VERSION"
  fetch "$from/$archive" "$work/$archive" || fail "cannot download $from/$archive" "try again"
  expected=${SPILE_SHA256:-$(sed -n "s/^\([0-9a-f]\{64\}\)  $archive\$/\1/p" "$work/SHA256SUMS")}
  found=$(checksum "$work/$archive")
  [ "$found" = "$expected" ] \
    || fail "the checksum of $archive is wrong, so nothing was installed" "try again; if it stays wrong, report it"
  tar -xzf "$work/$archive" -C "$work"
  mkdir -p "$bin" || fail "cannot create $bin" "set SPILE_BIN to a folder that you can write to"
  # Replaced at once, so that a running spile keeps its own file.
  cp "$work/${archive%.tar.gz}/spile" "$bin/.spile-new" || fail "cannot write to $bin" "set SPILE_BIN to another folder"
  chmod 755 "$bin/.spile-new"
  mv -f "$bin/.spile-new" "$bin/spile"
  printf 'Installed %s in %s\n' "$("$bin/spile" --version)" "$bin"
  case ":$PATH:" in
    *":$bin:"*) printf 'Next: spile init demo && cd demo && spile up\n' ;;
    *) printf 'Next: add it to your PATH: export PATH="%s:%sPATH"\n' "$bin" '$' ;;
  esac
}

# Nothing runs before the whole script has arrived.
main
