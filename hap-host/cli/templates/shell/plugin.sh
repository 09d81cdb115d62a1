# Hap New Name: a bell that counts how often it rang. Put your own device in its place.

# A shell of another kind hands over to that of busybox, which brings its tools with it.
[ -n "${HAP_SHELL:-}" ] || HAP_SHELL=busybox exec busybox sh "$0" "$@"

FOLDER=$(dirname "$0")
. "$FOLDER/hap.sh"

# The commands: each is a function command_NAME. What it writes is the result.
COMMANDS="ring reset"

configure() {
    whole_number volume 0 100 50
    volume=$value
    no_other_field
    # All of it is checked before any of it is in force.
    keep volume "$volume"
    [ -e "$RUN/kept.rung" ] || keep rung 0
}

status() {
    printf '{"rung":%s,"volume":%s}' "$(kept rung)" "$(kept volume)"
}

command_ring() {
    whole_number times 1 10 1
    times=$value
    no_other_field
    stroke=1
    while [ $stroke -lt "$times" ]; do
        # Here the bell is struck, as loud as $(kept volume) says.
        usleep 400000
        stroke=$((stroke + 1))
    done
    add rung "$times"
    emit bell.rung "{\"times\":$times,\"volume\":$(kept volume)}"
    if [ "$times" -eq 1 ]; then echo "rang once"; else echo "rang $times times"; fi
}

command_reset() {
    no_other_field
    keep rung 0
    echo "counting from 0"
}

case ${1:-run} in
    run) run ;;
    connection) serve_connection ;;
    # Its functions are tested.
    test) ;;
esac
