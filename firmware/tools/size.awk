# Reads `arm-none-eabi-size` of the core's objects and the images, and `nm -S` of context.o; prints the table and fails
# beyond the budget.
function row(name, bytes, budget) {
    printf "  %-34s %7d bytes of %7d\n", name, bytes, budget
    over += bytes > budget
}
BEGIN {
    print "  code and RAM on Cortex-M3, -Os"
}
$6 ~ /core\// { core_code += $1 + $2; core_data += $2 + $3; printf "  %-34s %7d bytes\n", substr($6, match($6, /[^\/]*$/)), $1 }
$6 ~ /board\.elf/ { board = $1 + $2; board_ram = $2 + $3 }
$6 ~ /qemu\.elf/ { qemu = $1 + $2 }
$4 == "pendant_context" { context = 0; digits = "0123456789abcdef"; for (i = 1; i <= length($2); i++) context = 16 * context + index(digits, substr($2, i, 1)) - 1 }
END {
    row("core, code and constants", core_code, 8192)
    row("core, static RAM (none is allowed)", core_data, 0)
    row("one pendant's context, RAM", context, 1024)
    row("image for the board, flash", board, 16384)
    row("image for the board, static RAM", board_ram, 64)
    row("image for QEMU, flash", qemu, 16384)
    if (over) print "  beyond the budget"
    exit over > 0 || !context || !board || !core_code
}
