#!/usr/bin/env bash
# The whole chain on real reviews: from lines of text to an answer traced back to them.
# CATENARY_DEMO_SMALL=1 makes the model smaller, for continuous integration: every link runs, the scores are worse.
set -euo pipefail
cd "$(dirname "$0")"

show() {
  printf '\n\033[1m$ %s\033[0m\n' "$*"
  "$@"
}

small=()
if [[ -n "${CATENARY_DEMO_SMALL:-}" ]]; then
  small=(--set models.base.epochs=1 --set models.sentiment.epochs=1 --set 'releases.sentiment.gates=[{parity: 0.98}, {licences: [MIT]}, {personal_data: 0}]')
fi

show catenary plan "${small[@]}"
show catenary run "${small[@]}"
show catenary sign sentiment --as data_engineer --as training_engineer --as compliance "${small[@]}"
show catenary ask sentiment '房间又小又旧，隔音很差，服务态度也不好，下次不会再来了。' "${small[@]}"
show catenary trace --last
printf '\nNext:\n  cd examples/reviews && source ../../.venv/bin/activate\n  catenary status\n  catenary show sentiment\n  catenary serve\n'
