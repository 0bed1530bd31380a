#!/bin/sh
# Every room includes only its own files and rooms on lower floors (src/FLOORS) and stands on the lowest
# floor that this allows: one above the highest room that it includes. main.c may include any room;
# intrinsics headers are included only under src/kernels/ and src/machine/; every room is
# listed. A kernels/<isa>/ folder belongs to the room kernels.
set -u
cd "$(dirname "$0")/../.." || exit 1
find src -name '*.[ch]' -o -name '*.inc' | sort | xargs grep -nE '^[[:space:]]*#[[:space:]]*include' |
awk '
BEGIN {
    while ((getline line < "src/FLOORS") > 0)
        if (line !~ /^#/ && split(line, f, /[[:space:]]+/) >= 2) floor[f[2]] = f[1]
}
{
    split($0, at, ":"); file = at[1]
    split(file, path, "/"); room = path[2]
    if (path[3] == "") { print file ": a source file outside every room"; bad++; next }
    if (!(room in floor)) { print file ": room \"" room "\" is not in src/FLOORS"; bad++; next }
    if (match($0, /<(immintrin|x86intrin|arm_neon|emmintrin|xmmintrin)\.h>/) && room != "kernels" && room != "machine") {
        print file ":" at[2] ": intrinsics outside kernels/"; bad++
    }
    if (room != "checkpoint" && room != "text" && $0 ~ /<zlib\.h>/) { print file ":" at[2] ": zlib outside checkpoint/ and text/"; bad++ }
    if (!match($0, /"[^"]+"/)) next
    target = substr($0, RSTART + 1, RLENGTH - 2)
    split(target, to, "/")
    if (index(target, "/") == 0) { print file ":" at[2] ": include \"" target "\" by its path from src/"; bad++; next }
    if (!(to[1] in floor)) { print file ":" at[2] ": include of unknown room \"" to[1] "\""; bad++; next }
    if (to[1] == room) next
    if (floor[to[1]] + 1 > lowest[room]) lowest[room] = floor[to[1]] + 1
    if (floor[to[1]] >= floor[room]) {
        print file ":" at[2] ": " room " (floor " floor[room] ") includes " target " (floor " floor[to[1]] ")"; bad++
    }
}
END {
    for (room in floor)
        if (floor[room] > lowest[room] + 0) {
            print "src/FLOORS: " room " is on floor " floor[room] ", could stand on " lowest[room] + 0; bad++
        }
    if (bad) { print "check-floors: " bad " violations"; exit 1 }
    print "check-floors: clean"
}'
