/* The unit tests on a Cortex-M under QEMU: output and exit code by semihosting. */
#include <stdint.h>

#include "check.h"

#define SYS_WRITE0 0x04u
#define SYS_EXIT_EXTENDED 0x20u
#define APPLICATION_EXIT 0x20026u

static void call(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = argument;
    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}

void test_print(const char *text)
{
    call(SYS_WRITE0, text);
}

int main(void)
{
    uint32_t block[2] = {APPLICATION_EXIT, run_all_tests() == 0 ? 0u : 1u};
    call(SYS_EXIT_EXTENDED, block);
    return 0;
}
