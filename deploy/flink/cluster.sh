#!/usr/bin/env bash
# A Flink cluster of one JobManager and two TaskManagers on this machine, with Beam's worker pool
# and job server, each a process of its own: cluster.sh up|down|kill-one|kill-pool|status
#
# FLINK_WORK   where jars, logs and process ids lie (default: .cache/flink)
# FLINK, BEAM  versions of Flink and of Beam's job server; their registries must have both
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=${FLINK_WORK:-$root/.cache/flink}
FLINK=${FLINK:-1.19.3}
BEAM=${BEAM:-2.62.0}
python=${PYTHON:-$root/.venv/bin/python}
slots=${SLOTS:-2} # more than a TaskManager is given, so that one of them can take it all
mkdir -p "$work/pids" "$work/log" "$work/conf"

missing() { echo "cluster.sh: $1" >&2; exit 3; }

fetch() {
    command -v java >/dev/null || missing "there is no Java"
    if [ ! -d "$work/flink/lib" ]; then
        "$python" -m pip --version >/dev/null 2>&1 && pip=("$python" -m pip) || pip=(pip)
        "${pip[@]}" download --quiet --no-deps --dest "$work" "apache-flink-libraries==$FLINK" ||
            missing "no apache-flink-libraries==$FLINK"
        mkdir -p "$work/flink"
        tar -xzf "$work/apache-flink-libraries-$FLINK.tar.gz" -C "$work/flink" \
            --strip-components=2 "apache-flink-libraries-$FLINK/deps/lib"
    fi
    if [ ! -e "$work/beam/.done" ]; then
        command -v mvn >/dev/null || missing "there is no Maven"
        sed "s/@FLINK@/${FLINK%.*}/; s/@BEAM@/$BEAM/" "$root/deploy/flink/pom.xml" > "$work/pom.xml"
        mvn -q -B -f "$work/pom.xml" dependency:copy-dependencies \
            -DoutputDirectory="$work/beam" || missing "no Beam $BEAM for Flink ${FLINK%.*}"
        touch "$work/beam/.done"
    fi
}

# Names a process, starts it in the background and keeps its id.
run() {
    local name=$1
    shift
    "$@" > "$work/log/$name.log" 2>&1 < /dev/null &
    echo $! > "$work/pids/$name"
}

opens=(--add-opens=java.base/java.lang=ALL-UNNAMED --add-opens=java.base/java.util=ALL-UNNAMED
    --add-opens=java.base/java.nio=ALL-UNNAMED --add-opens=java.base/sun.nio.ch=ALL-UNNAMED
    --add-opens=java.base/java.net=ALL-UNNAMED --add-opens=java.base/java.util.concurrent=ALL-UNNAMED)

taskmanager() {
    run "taskmanager-$1" java -Xmx512m "${opens[@]}" -cp "$work/flink/lib/*" \
        org.apache.flink.runtime.taskexecutor.TaskManagerRunner --configDir "$work/conf" \
        -D taskmanager.resource-id="taskmanager-$1" -D taskmanager.cpu.cores=1 \
        -D taskmanager.memory.task.heap.size=320m -D taskmanager.memory.task.off-heap.size=64m \
        -D taskmanager.memory.framework.heap.size=128m \
        -D taskmanager.memory.framework.off-heap.size=128m \
        -D taskmanager.memory.jvm-metaspace.size=256m \
        -D taskmanager.memory.jvm-overhead.min=192m -D taskmanager.memory.jvm-overhead.max=192m \
        -D taskmanager.memory.flink.size=832m -D taskmanager.memory.process.size=1280m \
        -D taskmanager.memory.managed.size=128m -D taskmanager.memory.network.min=64m \
        -D taskmanager.memory.network.max=64m
}

alive() { [ -e "$work/pids/$1" ] && kill -0 "$(cat "$work/pids/$1")" 2>/dev/null; }

kill_named() {
    [ -e "$work/pids/$1" ] || return 0
    kill "-${2:-TERM}" "$(cat "$work/pids/$1")" 2>/dev/null || true
    rm -f "$work/pids/$1"
}

pool() {
    # The pool starts its workers as `python`, whichever that is.
    PYTHONPATH="$root" PATH="$(dirname "$python"):$PATH" run pool "$python" -m \
        apache_beam.runners.worker.worker_pool_main --service_port "${POOL_PORT:-50000}"
}

case ${1:-} in
up)
    fetch
    cat > "$work/conf/flink-conf.yaml" <<CONF
jobmanager.rpc.address: localhost
jobmanager.rpc.port: 6123
rest.port: ${REST_PORT:-8081}
rest.address: localhost
taskmanager.host: localhost
taskmanager.numberOfTaskSlots: $slots
parallelism.default: 2
cluster.evenly-spread-out-slots: true
heartbeat.timeout: 10000
heartbeat.interval: 2000
# A lost TaskManager fails the job's tasks; this starts them again on what is left.
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 5
restart-strategy.fixed-delay.delay: 2 s
CONF
    cp "$work/conf/flink-conf.yaml" "$work/conf/config.yaml"
    run jobmanager java -Xmx512m "${opens[@]}" -cp "$work/flink/lib/*" \
        org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint \
        --configDir "$work/conf" -D jobmanager.memory.heap.size=256m
    taskmanager 1
    taskmanager 2
    pool
    run jobserver java -Xmx512m "${opens[@]}" -cp "$work/beam/*" \
        org.apache.beam.runners.flink.FlinkJobServerDriver --job-port "${JOB_PORT:-8099}" \
        --artifact-port 0 --expansion-port 0 --flink-master "localhost:${REST_PORT:-8081}" \
        --artifacts-dir "$work/artifacts"
    for _ in $(seq 120); do
        (exec 3<> "/dev/tcp/localhost/${JOB_PORT:-8099}") 2>/dev/null &&
            [ "$(curl -s "localhost:${REST_PORT:-8081}/taskmanagers" | grep -o '"path"' | wc -l)" -ge 2 ] &&
            { echo "up: http://localhost:${REST_PORT:-8081}"; exit 0; }
        for name in jobmanager jobserver pool; do
            alive "$name" || missing "$name has ended: see $work/log/$name.log"
        done
        sleep 1
    done
    missing "the cluster doesn't answer: see $work/log"
    ;;
kill-one) kill_named taskmanager-2 KILL ;;
kill-pool) kill_named pool KILL ;;
start-one) taskmanager 2 ;;
start-pool) pool ;;
down) for file in "$work"/pids/*; do [ -e "$file" ] && kill_named "$(basename "$file")"; done ;;
status) for file in "$work"/pids/*; do alive "$(basename "$file")" && basename "$file"; done ;;
*) echo "cluster.sh up|down|kill-one|start-one|kill-pool|start-pool|status" >&2; exit 2 ;;
esac
