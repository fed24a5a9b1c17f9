/* Checks that count, print what failed, and run anywhere: on the host and on a microcontroller without an operating system. */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint32_t checks;
    uint32_t failed;
} check;

typedef void (*test_function)(check *c);

#define CHECK(c, condition) check_that((c), (condition), __FILE__, __LINE__, #condition)

bool check_that(check *self, bool holds, const char *file, int line, const char *text);

/* Given by whoever runs the tests. */
void test_print(const char *text);

void test_vectors(check *c);
void test_frames(check *c);
void test_parts(check *c);
void test_safety(check *c);
void test_line(check *c);
void test_latch(check *c);
void test_labels(check *c);
void test_random(check *c);

/* Runs everything and returns the number of failed checks. */
uint32_t run_all_tests(void);

#endif
