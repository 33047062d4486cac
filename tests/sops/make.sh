#!/bin/sh
# Makes the documents of this folder again, with the official sops. README.md describes each.
#
#   SOPS=/path/to/sops MODULES=/folder/with/sops-age tests/sops/make.sh
#
# Keys that exist are kept; `age-keygen` (go install filippo.io/age/cmd/age-keygen@v1.3.2) and
# `ssh-keygen` are only needed if one is missing.
set -eu
cd "$(dirname "$0")"
: "${SOPS:=sops}"
: "${MODULES:?the folder in which `npm install sops-age` was run}"
umask 022

[ -e key.txt ] || age-keygen -o key.txt
[ -e other-key.txt ] || age-keygen -o other-key.txt
[ -e ssh_ed25519 ] || ssh-keygen -q -t ed25519 -N '' -C spile-tests -f ssh_ed25519
chmod 644 key.txt other-key.txt ssh_ed25519
own=$(sed -n 's/^# public key: //p' key.txt)
other=$(sed -n 's/^# public key: //p' other-key.txt)
ssh=$(cut -d ' ' -f 1,2 ssh_ed25519.pub)

here=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat key.txt other-key.txt > "$work/both.txt"
cd "$work"

# Runs sops without the user's configuration, and only with the given keys.
sops() {
    env -i PATH="$PATH" HOME="$work" SOPS_AGE_KEY_FILE="${KEY-$here/key.txt}" \
        SOPS_AGE_SSH_PRIVATE_KEY_FILE="${SSH_KEY-}" "$SOPS" "$@"
}

# plaintext, kind, name, and the rule's lines: encrypts one document and records the output of sops.
make() {
    plain=$here/plain/$1 kind=$2 name=$3.$2
    shift 3
    { echo 'creation_rules:'; printf '%s\n' "  - path_regex: ''" "$@"; } > rules.yaml
    sops --config rules.yaml encrypt --filename-override "$name" --input-type "$kind" --output-type "$kind" \
        < "$plain" > "$here/$name"
    sops --config /dev/null decrypt --input-type "$kind" --output-type json \
        < "$here/$name" > "$here/$name.expected.json"
}

for kind in json yaml; do
    make "values.$kind" $kind values "    age: $own"
    make "values.$kind" $kind values-all "    age: $own" "    unencrypted_suffix: _none_of_them"
    make "values.$kind" $kind values-mac-only "    age: $own" "    unencrypted_regex: ^plain_unencrypted$" \
        "    mac_only_encrypted: true"
    make "scope.$kind" $kind unencrypted-suffix "    age: $own" "    unencrypted_suffix: _unencrypted"
    make "scope.$kind" $kind encrypted-suffix "    age: $own" "    encrypted_suffix: _enc"
    make "scope.$kind" $kind encrypted-regex "    age: $own" "    encrypted_regex: ^secrets$"
    make "scope.$kind" $kind encrypted-regex-unanchored "    age: $own" "    encrypted_regex: secrets|(?i)PASS"
    make "scope.$kind" $kind unencrypted-regex "    age: $own" "    unencrypted_regex: ^(type|id|config)$"
    make "scope.$kind" $kind mac-only "    age: $own" "    encrypted_regex: ^secrets$" "    mac_only_encrypted: true"
    make "recipients.$kind" $kind several-recipients "    age: $own,$other" "    encrypted_regex: ^secrets$"
    SSH_KEY=$here/ssh_ed25519 KEY='' \
        make "recipients.$kind" $kind ssh-recipient "    age: $ssh" "    encrypted_regex: ^secrets$"
    KEY=$work/both.txt \
        make "recipients.$kind" $kind key-groups "    encrypted_regex: ^secrets$" "    shamir_threshold: 2" \
        "    key_groups:" "      - age: [$own]" "      - age: [$other]"
done
make timestamps.yaml yaml timestamps "    age: $own" "    encrypted_regex: ^secrets$"
make timestamps.yaml yaml timestamps-mac-only "    age: $own" "    encrypted_regex: ^secrets$" \
    "    mac_only_encrypted: true"
make comments.yaml yaml comments "    age: $own"
make comments.yaml yaml comments-encrypted-regex "    age: $own" "    encrypted_regex: ^secrets$"
make by-comment.yaml yaml encrypted-comment-regex "    age: $own" "    encrypted_comment_regex: sops:enc"
make by-comment.yaml yaml unencrypted-comment-regex "    age: $own" "    unencrypted_comment_regex: sops:enc"

# sops only writes the first of several documents as JSON: each goes through it alone for the expected values.
make documents.yaml yaml documents "    age: $own"
awk '/^---$/ { part++; next } { print > "part" part + 0 ".yaml" }' "$here/plain/documents.yaml"
for part in part*.yaml; do
    sops --config rules.yaml encrypt --filename-override part.yaml --input-type yaml --output-type yaml < "$part" |
        sops --config /dev/null decrypt --input-type yaml --output-type json > "$part.json"
done
{ echo '['; for part in part*.json; do [ "$part" = part0.yaml.json ] || echo ,; cat "$part"; done; echo ']'; } \
    > "$here/documents.yaml.expected.json"

# Wrong and odd documents: sops decides which is which, and README.md records its messages.
mkdir edited
node "$here/negative.mjs" edited
node "$here/iv-12.mjs" "$MODULES" > edited/iv-of-12-bytes.json
make forms.yaml yaml forms "    age: $own" "    encrypted_regex: ^secrets$"
mv "$here/forms.yaml" "$here/forms.yaml.expected.json" .
{ sed '/^secrets:$/,$d' "$here/plain/forms.yaml"; sed -n '/^secrets:$/,$p' forms.yaml; } > edited/yaml-forms.yaml
plain='/^plain:$/,/^sops:$/'
sed -e "$plain s/date: .*/date: 2026-05-22/" -e "$plain s/utc: .*/utc: \"2026-05-22T20:15:29Z\"/" \
    -e "$plain s/spaced: .*/spaced: 2026-05-22 20:15:29/" -e "$plain s/29\.12Z/29.1200Z/" \
    -e "$plain s/quoted: .*/quoted: 2026-05-22T20:15:29+00:00/" "$here/timestamps.yaml" > edited/yaml-timestamps.yaml
sed "$plain s/date: .*/date: \"2026-05-22\"/" "$here/timestamps.yaml" > edited/yaml-date-as-text.yaml
sed 's/lastmodified: "\(.*\)"/lastmodified: \1/' "$here/encrypted-regex.yaml" > edited/yaml-lastmodified-unquoted.yaml
sed 's/^secrets:$/&\n    # a plain comment/' "$here/encrypted-regex.yaml" > edited/yaml-comment-in-scope.yaml
sed '0,/^    #ENC/s/^    #.*/    # another/' "$here/comments.yaml" > edited/yaml-comment-replaced.yaml
sed 's/^port: 5432$/port: 0x1538/;s/^    port: 5432$/    port: 0x1538/' "$here/encrypted-regex.yaml" \
    > edited/yaml-integer-in-hexadecimal.yaml
awk '/^---$/ { exit } { print }' "$here/documents.yaml" > edited/yaml-documents-removed.yaml
sed '1,/^---$/!{/^sops:$/,/^---$/{/^---$/!d}}' "$here/documents.yaml" > edited/yaml-metadata-in-the-first-document-only.yaml

rm -rf "$here/negative" "$here/odd"
mkdir "$here/negative" "$here/odd"
sed -i '/^<!-- verdicts -->$/q' "$here/README.md"
printf '\n| document | exit | what sops says |\n|---|---|---|\n' >> "$here/README.md"
for path in edited/*; do
    name=${path#edited/} kind=${path##*.} key=$here/key.txt code=0
    case $name in key-group*) key=$work/both.txt ;; esac
    KEY=$key sops --config /dev/null decrypt --input-type "$kind" --output-type json < "$path" > out 2> err || code=$?
    if [ $code = 0 ]; then
        folder=odd
        cp out "$here/odd/$name.expected.json"
    else
        folder=negative
    fi
    mv "$path" "$here/$folder/$name"
    said=$(tr '\n' ' ' < err | sed -e 's/goroutine .*//' -e 's/[0-9A-F]\{128\}/…/g' -e 's/ENC\[[^] ]*\]*/ENC[…]/g' \
        -e 's/^\[SOPS\][^"]*time="[^"]*" *//' -e 's/|/\\|/g' -e 's/  */ /g' | cut -c1-170)
    echo "| \`$folder/$name\` | $code | $said |" >> "$here/README.md"
done
