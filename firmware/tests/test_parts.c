#include "check.h"
#include "pendant/buttons.h"
#include "pendant/deadman.h"
#include "pendant/estop.h"
#include "pendant/pattern.h"

static void test_contact_counts_only_when_it_stays(check *c)
{
    debounce d;
    debounce_init(&d, false, 10, 0);
    CHECK(c, !debounce_update(&d, true, 100));
    CHECK(c, !debounce_update(&d, true, 109));
    CHECK(c, !debounce_update(&d, false, 110)); /* bounced */
    CHECK(c, d.bounces == 1);
    CHECK(c, !debounce_update(&d, true, 111));
    CHECK(c, debounce_update(&d, true, 121));
    CHECK(c, !debounce_update(&d, false, 122)); /* its safe direction needs no time */
}

static void test_debounce_survives_the_wrap_of_the_clock(check *c)
{
    debounce d;
    debounce_init(&d, false, 10, 10);
    CHECK(c, !debounce_update(&d, true, 0xFFFFFFFAu));
    CHECK(c, !debounce_update(&d, true, 3));
    CHECK(c, debounce_update(&d, true, 4));
}

static void grip(deadman *d, bool half, bool full, uint32_t from_ms, uint32_t to_ms)
{
    for (uint32_t now = from_ms; now < to_ms; now++) {
        deadman_update(d, half, full, now);
    }
}

static void test_deadman_held_from_the_start_does_not_engage(check *c)
{
    deadman d;
    deadman_init(&d);
    grip(&d, true, false, 0, 500);
    CHECK(c, d.position == DEADMAN_HELD && !deadman_engaged(&d));
    grip(&d, false, false, 500, 501);
    grip(&d, true, false, 501, 520);
    CHECK(c, deadman_engaged(&d));
}

static void test_a_squeeze_that_relaxes_half_way_does_not_engage(check *c)
{
    deadman d;
    deadman_init(&d);
    grip(&d, false, false, 0, 10);
    grip(&d, true, false, 10, 30);
    CHECK(c, deadman_engaged(&d));
    grip(&d, true, true, 30, 31);
    CHECK(c, d.position == DEADMAN_SQUEEZED && !deadman_engaged(&d));
    grip(&d, true, false, 31, 200);
    CHECK(c, d.position == DEADMAN_HELD && !deadman_engaged(&d));
    grip(&d, false, false, 200, 201);
    grip(&d, true, false, 201, 220);
    CHECK(c, deadman_engaged(&d));
}

static void test_letting_go_counts_at_once_and_bouncing_does_not_engage(check *c)
{
    deadman d;
    deadman_init(&d);
    grip(&d, false, false, 0, 10);
    for (uint32_t now = 10; now < 200; now++) {
        deadman_update(&d, now % 5 != 0, false, now);
        CHECK(c, !deadman_engaged(&d));
    }
    grip(&d, true, false, 200, 220);
    CHECK(c, deadman_engaged(&d));
    grip(&d, false, false, 220, 221);
    CHECK(c, !deadman_engaged(&d) && d.position == DEADMAN_RELEASED);
}

static void test_impossible_grip_counts_as_squeezed_and_then_as_a_fault(check *c)
{
    deadman d;
    deadman_init(&d);
    grip(&d, false, false, 0, 10);
    grip(&d, false, true, 10, 11);
    CHECK(c, d.position == DEADMAN_SQUEEZED && !d.fault);
    grip(&d, false, true, 11, 10 + IMPLAUSIBLE_MS);
    CHECK(c, !d.fault);
    grip(&d, false, true, 10 + IMPLAUSIBLE_MS, 12 + IMPLAUSIBLE_MS);
    CHECK(c, d.fault);
}

static void channels(estop *e, bool a, bool b, uint32_t from_ms, uint32_t to_ms)
{
    for (uint32_t now = from_ms; now < to_ms; now++) {
        estop_update(e, a, b, now);
    }
}

static void test_stop_begins_with_one_sample_and_ends_after_quiet(check *c)
{
    estop e;
    estop_init(&e);
    channels(&e, true, true, 0, CLOSE_MS);
    CHECK(c, estop_stopped(&e)); /* from the start, until proved closed */
    channels(&e, true, true, CLOSE_MS, CLOSE_MS + 2);
    CHECK(c, !estop_stopped(&e));
    channels(&e, true, false, 100, 101);
    CHECK(c, estop_stopped(&e));
    for (uint32_t now = 101; now < 1000; now++) { /* a channel that bounces forever never counts as closed */
        estop_update(&e, true, now % 7 != 0, now);
        CHECK(c, estop_stopped(&e));
    }
}

static void test_discrepancy_needs_both_channels_to_be_seen_open(check *c)
{
    estop e;
    estop_init(&e);
    channels(&e, true, true, 0, 60);
    CHECK(c, !estop_proved(&e)); /* closed from the start proves nothing */
    channels(&e, true, false, 60, 60 + DISCREPANCY_MS);
    CHECK(c, e.differ && !e.discrepancy);
    channels(&e, true, false, 60 + DISCREPANCY_MS, 62 + DISCREPANCY_MS);
    CHECK(c, e.discrepancy);
    channels(&e, true, true, 200, 300);
    CHECK(c, !estop_stopped(&e) && !estop_proved(&e));
    channels(&e, false, false, 300, 310);
    CHECK(c, !estop_proved(&e));
    channels(&e, true, true, 310, 400);
    CHECK(c, estop_proved(&e));
    channels(&e, false, true, 400, 402 + DISCREPANCY_MS); /* the proof of before is worth nothing now */
    channels(&e, true, true, 600, 700);
    CHECK(c, !estop_stopped(&e) && !estop_proved(&e));
}

static void test_patterns_play_and_end(check *c)
{
    player p;
    player_init(&p);
    CHECK(c, !player_on(&p, 0));
    player_play(&p, PATTERN_TWICE, 1000);
    CHECK(c, player_on(&p, 1000) && player_on(&p, 1099) && !player_on(&p, 1100) && player_on(&p, 1200));
    player_play(&p, PATTERN_TWICE, 1200); /* goes on, does not begin anew */
    CHECK(c, !player_on(&p, 1300) && !player_on(&p, 5000));
    player_restart(&p, PATTERN_TWICE, 5000);
    CHECK(c, player_on(&p, 5000));
    player_play(&p, PATTERN_FAST, 6000);
    CHECK(c, player_on(&p, 6000) && !player_on(&p, 6100) && player_on(&p, 6200));
}

void test_parts(check *c)
{
    test_contact_counts_only_when_it_stays(c);
    test_debounce_survives_the_wrap_of_the_clock(c);
    test_deadman_held_from_the_start_does_not_engage(c);
    test_a_squeeze_that_relaxes_half_way_does_not_engage(c);
    test_letting_go_counts_at_once_and_bouncing_does_not_engage(c);
    test_impossible_grip_counts_as_squeezed_and_then_as_a_fault(c);
    test_stop_begins_with_one_sample_and_ends_after_quiet(c);
    test_discrepancy_needs_both_channels_to_be_seen_open(c);
    test_patterns_play_and_end(c);
}
