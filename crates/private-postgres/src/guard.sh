# Runs a PostgreSQL server for a process and ends it with that process.
#
#   sh -c <this> guard SIGNAL FOLDER LOG postgres ARGUMENT...
#
# Standard input is a pipe that only the owner holds: it carries orders, one a line, each answered by one line,
# and its end means that the owner is gone, however it went. Then the server gets SIGNAL, and FOLDER, unless
# empty, is removed once the server has ended.
#
#   start PORT    starts the server, answers its process id
#   signal NAME   sends it a signal, answers "sent"
#   status        answers "running" or "exited"

# The guard must live until its work is done: neither signals to a group nor an owner that does not read end it.
trap '' HUP INT TERM PIPE

end_signal=$1
folder=$2
log=$3
shift 3
server=

is_running() {
    [ -n "$server" ] || return 1
    # `jobs` collects a server that has ended, which `kill -0` would else still count.
    jobs >/dev/null 2>&1
    kill -0 "$server" 2>/dev/null && return
    server=
    return 1
}

send() {
    is_running && kill -"$1" "$server" 2>/dev/null
}

while read -r order argument; do
    case $order in
        start)
            # The server holds neither the pipe nor the answers, so only the owner keeps either open.
            "$@" -p "$argument" </dev/null >>"$log" 2>&1 &
            server=$!
            echo "$server"
            ;;
        signal)
            send "$argument"
            echo sent
            ;;
        status)
            if is_running; then echo running; else echo exited; fi
            ;;
    esac
done

# Again and again, because a server that is only just starting may miss a signal.
while is_running; do
    send "$end_signal"
    sleep 0.1 2>/dev/null || sleep 1
done

# Whatever still writes there (an interrupted initdb) fails by the first removal, so a later one succeeds.
attempts=20
while [ -n "$folder" ] && [ -e "$folder" ] && [ "$attempts" -gt 0 ]; do
    rm -rf -- "$folder" 2>/dev/null || sleep 1
    attempts=$((attempts - 1))
done
