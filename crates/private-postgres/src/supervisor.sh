# Runs a PostgreSQL server for an owner process and stops it when the owner ends.
#
#   sh -c <this script> supervisor SIGNAL FOLDER LOG postgres ARGUMENT...
#
# Standard input is a pipe whose write end only the owner holds. It carries one command per line; each command gets one
# line as its reply. End of file means that the owner has ended for any reason. Then the server gets SIGNAL. After it
# has ended, the folder FOLDER is removed, unless the argument is empty.
#
#   start PORT    starts the server, replies with its process id
#   signal NAME   sends a signal to the server, replies "sent"
#   status        replies "running" or "exited"

# The supervisor must run until its work is done: signals to its process group and a closed output must not end it.
trap '' HUP INT TERM PIPE

end_signal=$1
folder=$2
log=$3
shift 3
server=

is_running() {
    [ -n "$server" ] || return 1
    # `jobs` reaps a server that has ended; otherwise `kill -0` would still succeed.
    jobs >/dev/null 2>&1
    kill -0 "$server" 2>/dev/null && return
    server=
    return 1
}

send() {
    is_running && kill -"$1" "$server" 2>/dev/null
}

while read -r command argument; do
    case $command in
        start)
            # The server must inherit neither pipe, so that only the owner keeps them open.
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

# Repeated, because a server that has just been started may miss a signal.
while is_running; do
    send "$end_signal"
    sleep 0.1 2>/dev/null || sleep 1
done

# A process that still writes to the folder (an interrupted initdb) fails after the first removal. Then a later removal
# succeeds.
attempts=20
while [ -n "$folder" ] && [ -e "$folder" ] && [ "$attempts" -gt 0 ]; do
    rm -rf -- "$folder" 2>/dev/null || sleep 1
    attempts=$((attempts - 1))
done
