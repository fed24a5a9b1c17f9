# Reads `gcov -n`; prints the line coverage of each source file and fails below `least` percent in total.
/^File/ { gsub(/'/, ""); name = $2 }
/^Lines executed/ && name ~ /src\/.*\.c$/ {
    split($2, part, /[:%]/)
    lines = $4
    printf "  %-18s %6.2f %% of %d lines\n", substr(name, match(name, /[^\/]*$/)), part[2], lines
    all += lines
    run += lines * part[2] / 100
    name = ""
}
END {
    percent = all ? 100 * run / all : 0
    printf "  %-18s %6.2f %% of %d lines (at least %d %%)\n", "core", percent, all, least
    exit percent < least
}
