#include "check.h"

typedef struct {
    const char *name;
    test_function run;
} named_test;

static void print_number(uint32_t value)
{
    char digits[11];
    uint32_t at = sizeof digits - 1u;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + value % 10u);
        value /= 10u;
    } while (value > 0);
    test_print(&digits[at]);
}

bool check_that(check *self, bool holds, const char *file, int line, const char *text)
{
    self->checks++;
    if (!holds) {
        self->failed++;
        test_print(file);
        test_print(":");
        print_number((uint32_t)line);
        test_print(": failed: ");
        test_print(text);
        test_print("\n");
    }
    return holds;
}

uint32_t run_all_tests(void)
{
    static const named_test ALL[] = {
        {"vectors", test_vectors}, {"frames", test_frames}, {"parts", test_parts},   {"safety", test_safety},
        {"line", test_line},       {"latch", test_latch},   {"labels", test_labels}, {"random", test_random},
    };
    check c = {0, 0};
    for (uint32_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++) {
        uint32_t before = c.checks;
        ALL[i].run(&c);
        test_print(ALL[i].name);
        test_print(" ");
        print_number(c.checks - before);
        test_print("\n");
    }
    test_print(c.failed == 0 ? "all passed: " : "FAILED: ");
    print_number(c.failed == 0 ? c.checks : c.failed);
    test_print(" checks\n");
    return c.failed;
}
