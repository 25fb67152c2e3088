#!/usr/bin/env bash
# A Flink cluster on this machine, with Beam's worker pool and job server, each a process of its
# own: cluster.sh fetch|up|kill-one|start-one|kill-pool|status|down
#
# FLINK, BEAM   versions of Flink and of Beam's job server; their registries must have both
# FLINK_JARS    where the jars lie (default: .cache/flink)
# FLINK_RUN     where logs, settings and process ids of this cluster lie (default: its run/)
# TASKMANAGERS  how many of them (default: 2)
# REST_PORT, RPC_PORT, JOB_PORT, POOL_PORT (8081, 6123, 8099, 50000)
set -euo pipefail
set -m # each process becomes a group of its own, which is killed with all it has started
root=$(cd "$(dirname "$0")/../.." && pwd)
FLINK=${FLINK:-1.19.3}
BEAM=${BEAM:-2.62.0}
jars=${FLINK_JARS:-$root/.cache/flink}
run=${FLINK_RUN:-$jars/run}
python=${PYTHON:-$root/.venv/bin/python}
taskmanagers=${TASKMANAGERS:-2}
slots=${SLOTS:-2} # more than a TaskManager is given, so that one of them can take it all
rest=${REST_PORT:-8081} rpc=${RPC_PORT:-6123} job=${JOB_PORT:-8099} pool=${POOL_PORT:-50000}
flink=$jars/flink-$FLINK beam=$jars/beam-$BEAM-flink-${FLINK%.*}
mkdir -p "$run/pids" "$run/log" "$run/conf"

# 3: what it takes is not here; 1: it is, and doesn't work.
missing() { echo "cluster.sh: $1" >&2; exit 3; }
failed() { echo "cluster.sh: $1" >&2; exit 1; }

# Fetches the jars, once. What is there with its .done is whole.
fetch() {
    command -v java >/dev/null || missing "there is no Java"
    if [ ! -e "$flink/.done" ]; then
        local name=apache-flink-libraries-$FLINK
        mkdir -p "$flink"
        "$python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$jars" \
            "apache-flink-libraries==$FLINK" || missing "no apache-flink-libraries==$FLINK"
        tar -xzf "$jars/$name.tar.gz" -C "$flink" --strip-components=2 "$name/deps/lib"
        rm "$jars/$name.tar.gz"
        touch "$flink/.done"
    fi
    if [ ! -e "$beam/.done" ]; then
        command -v mvn >/dev/null || missing "there is no Maven"
        mkdir -p "$beam"
        sed "s/@FLINK@/${FLINK%.*}/; s/@BEAM@/$BEAM/" "$root/deploy/flink/pom.xml" > "$beam/pom.xml"
        mvn -q -B -f "$beam/pom.xml" dependency:copy-dependencies -DoutputDirectory="$beam" ||
            missing "no Beam $BEAM for Flink ${FLINK%.*}"
        touch "$beam/.done"
    fi
}

# Starts a process in the background and keeps its id under a name.
start() {
    local name=$1
    shift
    "$@" > "$run/log/$name.log" 2>&1 < /dev/null &
    echo $! > "$run/pids/$name"
}

alive() { [ -e "$run/pids/$1" ] && kill -0 "$(cat "$run/pids/$1")" 2>/dev/null; }

# Kills a process with all it has started, and waits until it is gone.
end() {
    alive "$1" || return 0
    local id
    id=$(cat "$run/pids/$1")
    kill "-$2" -- "-$id" 2>/dev/null || true
    for _ in $(seq 100); do
        kill -0 "$id" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL -- "-$id" 2>/dev/null || true
}

opens=()
for package in lang util nio net util.concurrent; do
    opens+=("--add-opens=java.base/java.$package=ALL-UNNAMED")
done
opens+=(--add-opens=java.base/sun.nio.ch=ALL-UNNAMED)

jobmanager() {
    start jobmanager java -Xmx512m "${opens[@]}" -cp "$flink/lib/*" \
        org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint \
        --configDir "$run/conf" -D jobmanager.memory.heap.size=256m
}

taskmanager() {
    start "taskmanager-$1" java -Xmx512m "${opens[@]}" -cp "$flink/lib/*" \
        org.apache.flink.runtime.taskexecutor.TaskManagerRunner --configDir "$run/conf" \
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

# The worker pool, and another as soon as it has died. It starts its workers as `python`.
keep_pool() {
    set -m
    export PYTHONPATH=$root PATH="$(dirname "$python"):$PATH"
    while :; do
        "$python" "$root/deploy/flink/pool.py" "$pool" &
        echo $! > "$run/pids/pool"
        wait $! || true
        echo "cluster.sh: the pool has ended; another one starts"
        sleep 1
    done
}

jobserver() {
    start jobserver java -Xmx512m "${opens[@]}" -cp "$beam/*" \
        org.apache.beam.runners.flink.FlinkJobServerDriver --job-port "$job" \
        --artifact-port 0 --expansion-port 0 --flink-master "localhost:$rest" \
        --artifacts-dir "$run/artifacts"
}

configure() {
    cat > "$run/conf/flink-conf.yaml" <<CONF
jobmanager.rpc.address: localhost
jobmanager.rpc.port: $rpc
rest.port: $rest
rest.address: localhost
taskmanager.host: localhost
taskmanager.numberOfTaskSlots: $slots
parallelism.default: $taskmanagers
cluster.evenly-spread-out-slots: true
heartbeat.timeout: 10000
heartbeat.interval: 2000
# A lost TaskManager or worker fails the job's tasks; this starts them again on what is left.
# Together the attempts must outlast the time in which a pool comes back.
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 20
restart-strategy.fixed-delay.delay: 10 s
CONF
    cp "$run/conf/flink-conf.yaml" "$run/conf/config.yaml"
}

listens() { (exec 3<> "/dev/tcp/localhost/$1") 2>/dev/null; }
registered() { curl -s "localhost:$rest/taskmanagers" | grep -o '"path"' | wc -l; }

up() {
    alive jobmanager && failed "it is up already"
    fetch
    configure
    jobmanager
    for number in $(seq "$taskmanagers"); do taskmanager "$number"; done
    start keeper keep_pool
    jobserver
    for _ in $(seq 120); do
        if listens "$job" && listens "$pool" && [ "$(registered)" -ge "$taskmanagers" ]; then
            echo "up: http://localhost:$rest"
            return
        fi
        for name in jobmanager jobserver keeper; do
            alive "$name" || failed "$name has ended: see $run/log/$name.log"
        done
        sleep 1
    done
    failed "the cluster doesn't answer: see $run/log"
}

down() {
    end keeper KILL # before the pool, or it starts another
    for file in "$run"/pids/*; do # all at once: they wait for each other
        alive "$(basename "$file")" && kill -TERM -- "-$(cat "$file")"
    done
    for file in "$run"/pids/*; do
        [ -e "$file" ] && end "$(basename "$file")" TERM
        rm -f "$file"
    done
}

case ${1:-} in
fetch) fetch ;;
up) up ;;
kill-one) end "taskmanager-$taskmanagers" KILL ;;
start-one) taskmanager "$taskmanagers" ;;
kill-pool) end pool KILL ;; # and all its workers; its keeper starts another pool
status) for file in "$run"/pids/*; do alive "$(basename "$file")" && basename "$file"; done ;;
down) down ;;
*) echo "cluster.sh fetch|up|kill-one|start-one|kill-pool|status|down" >&2; exit 2 ;;
esac
