#!/usr/bin/env bash
# Runs spile in any CI.
#
#   spile.sh review   for a pull request: checks every file and plans into plan.md and plan.json. Needs no key.
#   spile.sh apply    for the main branch: applies what the files ask for. Needs the keys of the registry.
#
# SPILE          the program (spile)
# SPILE_PROJECT  the project's folder (.)
# SPILE_ENV      the environment, instead of the project's default one
# SPILE_CHECK    the format of problems: text, github, junit or sarif (text)
# SPILE_REPORT   a file for them, besides the log, for junit and sarif (spile-check.xml, spile-check.sarif)
# SPILE_SARIF    a file for problems as SARIF, besides SPILE_CHECK
# SPILE_PLAN     more arguments for `spile plan` (--untrusted: only the files; "" if the variables of the registry are set)
# SPILE_UNTRUSTED  true for an untrusted branch: only reads its files, whatever SPILE_PLAN says
# SPILE_TRUST_REGISTRY   hosts in `spile.toml` that may get a key; not needed if the address is a variable
# SPILE_ALLOW_VARIABLES  variables that `spile.toml` may read besides SUPABASE_* and SPILE_*
# SPILE_APPLY    more arguments for `spile apply`, like `--allow delete=2`
# SPILE_REVIEWED  true to apply only the plan that was reviewed in the merged pull request (see report.py)
set -euo pipefail

spile=(${SPILE:-spile} -C "${SPILE_PROJECT:-.}" --no-input)
if [[ -n ${SPILE_ENV:-} ]]; then spile+=(--env "$SPILE_ENV"); fi

review() {
  local format=${SPILE_CHECK:-text} report
  # GitLab reports itself whether a merge request is from a fork.
  if [[ ${CI_MERGE_REQUEST_SOURCE_PROJECT_ID:-} != "${CI_MERGE_REQUEST_PROJECT_ID:-}" ]]; then export SPILE_UNTRUSTED=true; fi
  # The branch may contain links with these names, which lead anywhere.
  rm -f -- plan.md plan.json
  if [[ -n ${SPILE_SARIF:-} ]]; then
    rm -f -- "$SPILE_SARIF"
    # If there are problems, the check below ends the job, with every problem in its log.
    "${spile[@]}" check --untrusted --format sarif > "$SPILE_SARIF" || true
  fi
  case $format in
    junit | sarif)
      report=${SPILE_REPORT:-spile-check.$([[ $format == junit ]] && echo xml || echo sarif)}
      rm -f -- "$report"
      "${spile[@]}" check --untrusted --format "$format" > "$report" || { "${spile[@]}" check --untrusted; }
      ;;
    *) "${spile[@]}" check --untrusted --format "$format" ;;
  esac
  local code=0
  # shellcheck disable=SC2086 # splitting into words is intended
  "${spile[@]}" plan ${SPILE_PLAN---untrusted} --exit-code --out-markdown plan.md --out-json plan.json || code=$?
  case $code in
    0 | 2 | 3) ;;
    *) exit "$code" ;;
  esac
  if [[ -n ${GITHUB_STEP_SUMMARY:-} ]]; then cat plan.md >> "$GITHUB_STEP_SUMMARY"; fi
  if [[ -n ${GITHUB_OUTPUT:-} ]]; then echo "exit-code=$code" >> "$GITHUB_OUTPUT"; fi
}

apply() {
  if [[ ${SPILE_REVIEWED:-} == true ]]; then
    local id
    id=$(python3 "$(dirname "$0")/report.py" reviewed)
    SPILE_APPLY="${SPILE_APPLY:-} --plan-id $id"
  fi
  # shellcheck disable=SC2086 # splitting into words is intended
  "${spile[@]}" apply --yes ${SPILE_APPLY:-}
}

case ${1:-} in
  review | apply) "$1" ;;
  *)
    echo "usage: spile.sh review|apply" >&2
    exit 64
    ;;
esac
