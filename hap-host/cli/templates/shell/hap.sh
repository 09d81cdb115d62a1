# The plugin's side of the protocol, for the shell and the tools of busybox.
#
# What the bell does stands in plugin.sh, which reads this file. It serves each connection by a process of its own, checks
# who asks, keeps events as files until the platform has them, and stops in order.
#
# Texts are compared as they are written in JSON, with their quotes: "ring" is not found where it is written as "r\u0069ng".

export LC_ALL=C

# The shell of some kinds of busybox, such as Debian's, does not bring its tools along. It gets links to them, in a folder
# that the program removes at its end.
if [ -z "${HAP_TOOLS:-}" ] && ! usleep 0 2>/dev/null; then
    HAP_TOOLS=$(mktemp -d) && busybox --install -s "$HAP_TOOLS" || exit 1
    export HAP_TOOLS PATH="$HAP_TOOLS:$PATH"
fi

MOST_BODY=65536
MOST_CONNECTIONS=64
TAB=$(printf '\t')
CR=$(printf '\r')

# --- for plugin.sh --------------------------------------------------------------------------------------------------

# Refuses what was asked: an HTTP status, a name for programs, and a text for people.
refuse() {
    printf '%s %s %s' "$1" "$2" "$3" >"$RUN/refusal.$CONNECTION"
    exit 1
}

# Puts the whole number NAME, which lies between LEAST and MOST, into $value: whole_number NAME LEAST MOST DEFAULT
whole_number() {
    taken="$taken $1 "
    value=$(printf '%s\n' "$fields" | sed -n "s/^\"$1\"$TAB//p" | tail -n 1)
    [ -n "$value" ] || value=$4
    case $value in
        '' | - | *[!0-9-]* | ?*-* | ??????????*) ;;
        *) [ "$value" -ge "$2" ] && [ "$value" -le "$3" ] && return ;;
    esac
    refuse 422 "$invalid" "\`$1\`: expected a whole number from $2 to $3"
}

# Refuses fields that were not asked for.
no_other_field() {
    for name in $(printf '%s\n' "$fields" | sed -n "s/^\"\([^\"]*\)\"$TAB.*/\1/p" | tr -c 'a-zA-Z0-9_\n' '?'); do
        case $taken in
            *" $name "*) ;;
            *) refuse 422 "$invalid" "\`$(printf %.100s "$name")\`: there is no such field" ;;
        esac
    done
}

# Keeps a value for all connections: keep NAME VALUE. $(kept NAME) is the last one.
keep() {
    printf %s "$2" >"$RUN/kept.$1.$CONNECTION" && mv "$RUN/kept.$1.$CONNECTION" "$RUN/kept.$1"
}

kept() {
    cat "$RUN/kept.$1"
}

# Adds to a whole number that is kept, and puts it into $sum: add NAME NUMBER
add() {
    tries=0
    until mkdir "$RUN/lock" 2>/dev/null || [ $tries -gt 2000 ]; do
        usleep 2000
        tries=$((tries + 1))
    done
    sum=$(($(kept "$1") + $2))
    keep "$1" $sum
    rmdir "$RUN/lock"
}

# Tells the platform that something happened: emit TYPE DATA, with the data as JSON
emit() {
    id=$(cat /proc/sys/kernel/random/uuid)
    trace=
    [ -z "$traceparent" ] || trace=",\"traceparent\":$(text "$traceparent")"
    # Names sort as their events came.
    add sequence 1
    name=$(printf '%s.%08d.%s' "$(date +%s)" $sum "$id")
    printf '{"specversion":"1.0","id":"%s","source":"/plugins/%s","type":%s,"time":"%s","data":%s%s}' "$id" \
        "$PLUGIN_ID" "$(text "$1")" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$2" "$trace" >"$OUTBOX/$name.part"
    mv "$OUTBOX/$name.part" "$OUTBOX/$name.json"
    echo >"$RUN/wake"
}

# A text as JSON.
text() {
    printf '"%s"' "$(printf %s "$1" | tr -d '\000-\037' | sed 's/[\\"]/\\&/g')"
}

# --- requests -------------------------------------------------------------------------------------------------------

# Answers one request after the other. The plugin is the file that is read again for each connection.
serve_connection() {
    CONNECTION=$$ requests=0
    trap 'rm -f "$RUN"/*."$CONNECTION"' EXIT
    trap 'exit 1' PIPE HUP
    : >"$RUN/open.$CONNECTION"
    set -- "$RUN"/open.*
    if [ $# -gt $MOST_CONNECTIONS ]; then
        for file; do
            # Of one that was killed.
            [ -d "/proc/${file##*.}" ] || rm -f "$file"
        done
        return
    fi
    while [ $requests -lt 1000 ] && request_head; do
        requests=$((requests + 1))
        busy=
        answer_request
        printf 'HTTP/1.1 %s -\r\ncontent-type: application/json\r\ncontent-length: %s\r\n%s\r\n%s' \
            "$status" ${#body} "${closes:+connection: close$CR
}" "$body"
        [ -z "$busy" ] || rm -f "$busy"
        [ -z "$closes" ] || break
    done
}

reply() {
    status=$1 body=$2
}

refusal() {
    reply "$1" "{\"success\":false,\"error\":$(text "$3"),\"code\":\"$2\"}"
}

# Reads the first line and the headers, a line of each of them being 8 KiB at most.
request_head() {
    IFS=' ' read -r -t 30 -n 8192 method path version || return 1
    length=0 token= traceparent= waits= closes= lines=0
    while IFS= read -r -t 30 -n 8192 line; do
        line=${line%"$CR"}
        lines=$((lines + 1))
        [ $lines -le 100 ] && [ ${#line} -lt 8190 ] || return 1
        header=${line#*:}
        header=${header# }
        case $line in
            '') return 0 ;;
            [Cc]ontent-[Ll]ength:*) length=$header ;;
            [Aa]uthorization:*) token=${header#Bearer } ;;
            [Tt]raceparent:*) traceparent=$header ;;
            [Xx]-[Rr]equest-[Tt]imeout-[Mm]s:*) waits=$header ;;
            [Tt]ransfer-[Ee]ncoding:*) length=unknown ;;
            [Cc]onnection:*[Cc]lose*) closes=1 ;;
        esac
    done
    return 1
}

answer_request() {
    case $length in
        '' | *[!0-9]*)
            closes=1
            refusal 411 length_required "content-length: expected a whole number"
            return
            ;;
    esac
    if [ ${#length} -gt 6 ] || [ "$length" -gt $MOST_BODY ]; then
        closes=1
        refusal 413 body_too_long "the body may have at most 64 KiB"
        return
    fi
    sent=$RUN/sent.$CONNECTION
    : >"$sent"
    if [ "$length" -gt 0 ]; then
        # No byte of the next request is read.
        timeout 30 dd bs="$length" count=1 iflag=fullblock of="$sent" 2>/dev/null
        if [ "$(wc -c <"$sent")" -ne "$length" ]; then
            closes=1
            refusal 400 body_incomplete "the body ended early"
            return
        fi
    fi
    if [ "$path" = /health ]; then
        expect GET && reply 200 "{\"status\":\"healthy\",\"plugin_id\":\"$PLUGIN_ID\"}"
        return
    fi
    # Digests have the same length and beginning, whatever was sent.
    if [ "$(printf %s "$token" | sha256sum)" != "$TOKEN_DIGEST" ]; then
        refusal 401 unauthorized "the token of HAP_API_TOKEN is needed"
        return
    fi
    case $path in
        /status)
            expect GET && reply 200 "{\"plugin_id\":\"$PLUGIN_ID\",\"status\":\"running\",\"data\":$(status)}"
            ;;
        /command) expect POST && work carry_out ;;
        /config) expect POST && work put_in_force ;;
        *) refusal 404 not_found "there is no such path" ;;
    esac
}

expect() {
    [ "$method" = "$1" ] && return
    refusal 405 method_not_allowed "$path takes $1"
    return 1
}

# Does what a stop has to wait for.
work() {
    busy=$RUN/busy.$CONNECTION
    : >"$busy"
    if [ -e "$RUN/stopping" ]; then
        refusal 503 stopping "the plugin is stopping"
        return
    fi
    if ! json=$(parse "$sent"); then
        refusal 400 invalid_json "the body is no JSON"
        return
    fi
    if result=$("$1"); then
        reply 200 "$result"
    elif [ -e "$RUN/refusal.$CONNECTION" ]; then
        read -r status code error <"$RUN/refusal.$CONNECTION"
        rm -f "$RUN/refusal.$CONNECTION"
        refusal "$status" "$code" "$error"
    else
        echo "$method $path failed" >&2
        refusal 500 internal "internal error"
    fi
}

# The fields of the object at a path, each as: "name" TAB value
fields_of() {
    printf '%s\n' "$json" | awk -F '\t' -v at="$1" '$1 == at && $2 != "" { print $2 "\t" $3 }'
}

carry_out() {
    fields=$(fields_of .)
    command=$(printf '%s\n' "$fields" | sed -n "s/^\"command\"$TAB//p" | tail -n 1)
    params=$(printf '%s\n' "$fields" | sed -n "s/^\"params\"$TAB//p" | tail -n 1)
    case $command in
        \"*\") ;;
        *) refuse 422 invalid_command "expected an object with a text as \"command\"" ;;
    esac
    [ "$waits" != 0 ] || refuse 504 timeout "nobody waits for it any more"
    command=${command#\"} command=${command%\"}
    case " $COMMANDS " in
        *[!\ a-z0-9_]*) ;;
        *" $command "*)
            invalid=invalid_params taken= fields=
            case $params in
                '' | null) ;;
                object) fields=$(fields_of '."params"') ;;
                *) refuse 422 invalid_params "\`params\`: expected an object" ;;
            esac
            said=$("command_$command") || exit 1
            printf '{"success":true,"result":%s}' "$(text "$said")"
            exit 0
            ;;
    esac
    refuse 404 unknown_command "there is no such command; there are: $COMMANDS"
}

put_in_force() {
    invalid=invalid_config taken=
    [ "$(printf '%s\n' "$json" | head -n 1)" = "$TAB${TAB}object" ] || refuse 422 invalid_config "expected an object"
    fields=$(fields_of .)
    configure
    printf '{"success":true,"message":"Configuration updated"}'
}

# Reads JSON and writes a line for each value: the path of what it is in, its name, and itself as it is written.
parse() {
    # No control character is in JSON but these three, and none of them is in a text.
    [ "$(tr -d '\000-\010\013\014\016-\037' <"$1" | wc -c)" -eq "$(wc -c <"$1")" ] || return 1
    if [ "$(tr -d '\200-\377' <"$1" | wc -c)" -ne "$(wc -c <"$1")" ]; then
        hexdump -v -e '1/1 "%d\n"' "$1" | awk "$UTF8" || return 1
    fi
    grep -oE '"([^"\\]|\\.)*"|[][{},:]|[-+.0-9a-zA-Z]+|[^[:space:]]' "$1" | awk "$JSON"
}

# Whether these bytes, one in a line, are UTF-8.
UTF8='
    BEGIN { least = 128; most = 191 }
    more > 0 {
        if ($1 < least || $1 > most) { bad = 1; exit }
        more--; least = 128; most = 191; next
    }
    $1 < 128 { next }
    $1 >= 194 && $1 <= 223 { more = 1; next }
    $1 >= 224 && $1 <= 239 { more = 2; if ($1 == 224) least = 160; if ($1 == 237) most = 159; next }
    $1 >= 240 && $1 <= 244 { more = 3; if ($1 == 240) least = 144; if ($1 == 244) most = 143; next }
    { bad = 1; exit }
    END { exit bad || more > 0 }
'

# The grammar of JSON over its words, one in a line. `want` is what may come next.
JSON='
    function value(word) { print path[depth] "\t" name "\t" word; want = depth ? "end" : "nothing" }
    function open(kind, first) {
        value(kind == "{" ? "object" : "array")
        # What lies deeper is of no use to anybody here.
        path[depth + 1] = depth == 0 ? "." : depth == 1 ? "." name : "deep"
        depth++; kinds[depth] = kind; name = ""; want = first
    }
    function close_it(kind) { if (kinds[depth] != kind) bad(); depth--; want = depth ? "end" : "nothing" }
    function bad() { failed = 1; exit }
    BEGIN { want = "value"; depth = 0 }
    want == "nothing" { bad() }
    want == "colon" { if ($0 != ":") bad(); want = "value"; next }
    want == "end" {
        if ($0 == ",") { want = kinds[depth] == "{" ? "name" : "value"; if (want == "value") name = ""; next }
        if ($0 == "}") { close_it("{"); next }
        if ($0 == "]") { close_it("["); next }
        bad()
    }
    (want == "first_name" && $0 == "}") { close_it("{"); next }
    (want == "first_value" && $0 == "]") { close_it("["); next }
    /^"/ {
        if ($0 !~ /^"([^"\\]|\\["\\\/bfnrt]|\\u[0-9a-fA-F][0-9a-fA-F][0-9a-fA-F][0-9a-fA-F])*"$/) bad()
        if (want ~ /name/) { name = $0; want = "colon"; next }
        value($0); next
    }
    want ~ /name/ { bad() }
    $0 == "{" { open("{", "first_name"); next }
    $0 == "[" { open("[", "first_value"); next }
    /^(true|false|null)$/ || /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$/ { value($0); next }
    { bad() }
    END { exit failed || want != "nothing" }
'

# --- events ---------------------------------------------------------------------------------------------------------

# Sends events in their order, each until the platform has it.
send_all() {
    exec 3<>"$RUN/wake"
    failures=0
    while :; do
        set -- "$OUTBOX"/*.json
        if [ ! -e "$1" ]; then
            [ ! -e "$RUN/stopping" ] || return
            read -r -t 60 _ <&3
            continue
        fi
        send "$1"
        case $answer in
            202) ;;
            400 | 413 | 415 | 403foreign) echo "the platform does not take an event: $answer" >&2 ;;
            *)
                echo "an event was not taken (${answer:-no answer}), and is sent again" >&2
                [ ! -e "$RUN/stopping" ] || return
                failures=$((failures + 1))
                pause $failures
                continue
                ;;
        esac
        failures=0
        rm -f "$1"
        # More than these are not kept: the oldest go.
        [ $# -le 1000 ] || rm -f "$2"
    done
}

# Waits before an attempt, as the protocol and the platform say, or until a stop.
pause() {
    case $1 in
        1) seconds=1 ;;
        2) seconds=5 ;;
        3) seconds=30 ;;
        4) seconds=120 ;;
        5) seconds=600 ;;
        *) seconds=1800 ;;
    esac
    [ "$after" -le $seconds ] || seconds=$after
    until=$(($(date +%s) + seconds))
    while [ ! -e "$RUN/stopping" ] && [ "$(date +%s)" -le $until ]; do
        read -r -t 1 _ <&3
    done
}

# Sends the event in a file, and puts the status of the answer into $answer.
send() {
    where=${PLATFORM_API_URL#http://}
    host=${where%%/*}
    came=$(
        {
            printf 'POST /%s/events HTTP/1.1\r\nhost: %s\r\nauthorization: Bearer %s\r\n' "${where#*/}" "$host" "$HAP_API_TOKEN"
            printf 'content-type: application/cloudevents+json\r\ncontent-length: %s\r\n' "$(wc -c <"$1")"
            printf 'connection: close\r\n\r\n'
            cat "$1"
        } | timeout 15 nc "${host%:*}" "${host##*:}" 2>/dev/null | head -c 16384 | tr -d '\r\000'
    )
    answer=$(printf '%s\n' "$came" | sed -n '1s/^HTTP\/1\.[01] \([0-9][0-9][0-9]\) .*/\1/p')
    after=$(printf '%s\n' "$came" | sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]\{1,4\}\)$/\1/p' | head -n 1)
    after=${after:-0}
    case $answer$came in
        403*'"foreign_source"'*) answer=403foreign ;;
    esac
}

# --- the process ----------------------------------------------------------------------------------------------------

# Serves until SIGTERM or Ctrl-C. `hap dev` and every host give the variables that are asked for here.
run() {
    for name in PLUGIN_ID PORT HAP_API_TOKEN PLATFORM_API_URL; do
        eval "[ -n \"\${$name:-}\" ]" && continue
        echo "cannot start: $name is not set; hap dev sets it" >&2
        # Means: do not start me again until somebody has mended my configuration.
        exit 78
    done
    RUN=$(mktemp -d) || exit 1
    OUTBOX=${HAP_DATA_DIR:-$RUN}/outbox
    mkdir -p "$OUTBOX" && mkfifo "$RUN/wake" || exit 1
    TOKEN_DIGEST=$(printf %s "$HAP_API_TOKEN" | sha256sum)
    CONNECTION=start fields= taken=
    export RUN OUTBOX TOKEN_DIGEST HAP_SHELL
    keep sequence 0
    configure
    trap stop TERM INT
    send_all &
    sender=$!
    # Two kinds of busybox have two kinds of nc.
    persistent=-ll
    nc --help 2>&1 | grep -q -e -ll || persistent=-lk
    nc $persistent -p "$PORT" -e busybox sh "$0" connection &
    server=$!
    echo "listening on port $PORT" >&2
    wait $server
    # It never ends by itself, unless it cannot listen.
    echo "cannot listen on port $PORT" >&2
    kill $sender
    rm -rf "$RUN" ${HAP_TOOLS:+"$HAP_TOOLS"}
    exit 1
}

# Takes nothing new, waits for what runs and sends what waits, as far as the grace allows.
stop() {
    trap '' TERM INT
    : >"$RUN/stopping"
    kill "$server"
    tries=0
    while [ $tries -lt 400 ] && ls "$RUN"/busy.* >/dev/null 2>&1; do
        usleep 20000
        tries=$((tries + 1))
    done
    echo >"$RUN/wake"
    tries=0
    while [ $tries -lt 100 ] && kill -0 $sender 2>/dev/null; do
        usleep 20000
        tries=$((tries + 1))
    done
    kill $sender 2>/dev/null
    rm -rf "$RUN" ${HAP_TOOLS:+"$HAP_TOOLS"}
    exit 0
}
