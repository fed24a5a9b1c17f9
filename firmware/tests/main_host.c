#include <stdio.h>

#include "check.h"

void test_print(const char *text)
{
    fputs(text, stdout);
}

int main(void)
{
    return run_all_tests() == 0 ? 0 : 1;
}
