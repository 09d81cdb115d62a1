# sh test_plugin.sh
[ -n "${HAP_SHELL:-}" ] || HAP_SHELL=busybox exec busybox sh "$0" "$@"
cd "$(dirname "$0")" || exit 1
set -- test
. ./plugin.sh

RUN=$(mktemp -d) OUTBOX=$RUN CONNECTION=test PLUGIN_ID=hap-new-id invalid=invalid_params traceparent=
trap 'rm -rf "$RUN" ${HAP_TOOLS:+"$HAP_TOOLS"}' EXIT
mkfifo "$RUN/wake" && exec 4<>"$RUN/wake"
failed=0

# equal WHAT EXPECTED FOUND
equal() {
    [ "$2" = "$3" ] && echo "ok $1" && return
    echo "FAILED $1: expected $2, found $3"
    failed=1
}

# with FUNCTION FIELDS: what it writes, or what it refuses
with() {
    fields=$(printf '%s' "$2" | tr ' ' "$TAB") taken=
    ("$1") || cat "$RUN/refusal.test"
}

keep sequence 0
with configure '"volume" 30'
equal "settings are put in force" '{"rung":0,"volume":30}' "$(status)"
equal "a ring is told" "rang 2 times" "$(with command_ring '"times" 2')"
equal "a ring is counted" '{"rung":2,"volume":30}' "$(status)"
equal "a ring is an event" '"data":{"times":2,"volume":30}' "$(grep -o '"data":{[^}]*}' "$RUN"/*.json)"
equal "a reset begins anew" "counting from 0" "$(with command_reset '')"
equal "a reset counts from 0" '{"rung":0,"volume":30}' "$(status)"
for times in 0 11 '"often"' 1.5 99999999999 -; do
    equal "$times is refused" "422 invalid_params \`times\`: expected a whole number from 1 to 10" \
        "$(with command_ring "\"times\" $times")"
done
equal "other fields are refused" "422 invalid_params \`time\`: there is no such field" "$(with command_ring '"time" 1')"
with configure '"volume" 101' >/dev/null
equal "refused settings change nothing" '{"rung":0,"volume":30}' "$(status)"
with configure ''
equal "settings have defaults" '{"rung":0,"volume":50}' "$(status)"
equal "the manifest has the same" 1 "$(grep -c '"default": 50' manifest.json)"
[ $failed -eq 0 ] && echo "all passed"
exit $failed
