#!/usr/bin/env bash
#SBATCH --job-name=sparkles-eval
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=4
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@120
#
# Evaluates one model on a cluster node: a server on the node's GPU, sparkles-eval beside it, the store carried home.
#   sbatch --export=ALL,MODEL=Qwen/Qwen2.5-VL-7B-Instruct examples/cluster_job.sh
# Submitted again (or cut off by the time limit), it goes on where it was: only what is missing is asked.
# Without Slurm it is a plain script: MODEL=… bash examples/cluster_job.sh
set -euo pipefail

MODEL=${MODEL:?the name of the model that is to be served}
TASKS=${TASKS:-"bison-mini nlvr2-mini"}
HOME_STORE=${HOME_STORE:-$PWD/runs/${MODEL//\//_}.db}
PORT=${PORT:-8000}
# Any server that speaks chat completions: SERVER='sglang serve ...' as one line of shell.
default_server=(vllm serve "$MODEL" --port "$PORT" --limit-mm-per-prompt '{"image": 8}')

# SQLite's write-ahead log does not work over network file systems: write on the node, copy home.
scratch=$(mktemp -d)
store=$scratch/sparkles.db
mkdir -p "$(dirname "$HOME_STORE")"
if [ -f "$HOME_STORE" ]; then cp "$HOME_STORE" "$store"; fi

server= evaluation=
finish() {
  if [ -n "$evaluation" ]; then
    # Ends cleanly on TERM: what is in flight is waited for and kept.
    kill -TERM "$evaluation" 2>/dev/null || true
    wait "$evaluation" || true
  fi
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi
  # VACUUM INTO writes one whole file without a log beside it; the rename makes it appear at once.
  if [ -f "$store" ]; then
    rm -f "$HOME_STORE.part"
    python3 - "$store" "$HOME_STORE.part" <<'PYTHON'
import sqlite3, sys
sqlite3.connect(sys.argv[1]).execute("VACUUM INTO ?", (sys.argv[2],))
PYTHON
    mv "$HOME_STORE.part" "$HOME_STORE"
  fi
  rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 143' TERM INT

if [ -n "${SERVER:-}" ]; then
  bash -c "exec $SERVER" >"${HOME_STORE%.db}.server.log" 2>&1 &
else
  "${default_server[@]}" >"${HOME_STORE%.db}.server.log" 2>&1 &
fi
server=$!

echo "waiting for the server on port $PORT"
for _ in $(seq 1 "${WAIT_S:-1800}"); do
  if (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; then break; fi
  kill -0 "$server" 2>/dev/null || { echo "the server ended; see ${HOME_STORE%.db}.server.log" >&2; exit 1; }
  sleep 1
done

tasks=()
for task in $TASKS; do tasks+=(--task "$task"); done
# "$@" goes on to sparkles-eval: --data-root, --protocol, --limit, …
sparkles-eval run "${tasks[@]}" --model "openai/$MODEL" --model-arg base_url="http://127.0.0.1:$PORT/v1" \
  --model-arg name="$MODEL" --store "$store" --report "${HOME_STORE%.db}.html" --plain "$@" &
evaluation=$!
status=0
wait "$evaluation" || status=$?
evaluation=
exit "$status"
