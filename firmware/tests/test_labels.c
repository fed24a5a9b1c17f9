#include "rig.h"

static uint32_t events(const rig *r)
{
    return r->state[20] | (uint32_t)r->state[21] << 8 | (uint32_t)r->state[22] << 16 | (uint32_t)r->state[23] << 24;
}

static void press(rig *r, uint8_t contact, uint32_t duration_ms)
{
    rig_contacts(r, contact, 0);
    rig_run(r, duration_ms);
    rig_contacts(r, 0, contact);
    rig_run(r, 30);
}

static void test_presses_become_numbered_events(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_run(&r, 50);
    press(&r, INPUT_SUCCESS, 50);
    press(&r, INPUT_FAILURE, 50);
    press(&r, INPUT_UNDO, 50);
    press(&r, INPUT_UNDO, REARM_HOLD_MS + 50);
    CHECK(c, rig_state8(&r, STATE_COUNT) == 4 && events(&r) == 0x1234);
}

static void test_bouncing_press_counts_once(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_run(&r, 50);
    for (uint32_t i = 0; i < 20; i++) {
        rig_contacts(&r, i % 3 ? INPUT_SUCCESS : 0, i % 3 ? 0 : INPUT_SUCCESS);
        rig_run(&r, 1);
    }
    press(&r, INPUT_SUCCESS, 50);
    CHECK(c, rig_state8(&r, STATE_COUNT) == 1 && events(&r) == EVENT_SUCCESS && r.device.counters.bounces >= 6);
    for (uint32_t i = 0; i < 2000; i++) { /* a contact that never comes to rest gives nothing */
        rig_contacts(&r, i % 2 ? INPUT_FAILURE : 0, i % 2 ? 0 : INPUT_FAILURE);
        rig_run(&r, 1);
    }
    CHECK(c, rig_state8(&r, STATE_COUNT) == 1 && r.device.counters.bounces > 900);
}

static void test_two_buttons_at_once_mean_the_first(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_run(&r, 50);
    rig_contacts(&r, INPUT_FAILURE, 0);
    rig_run(&r, 50);
    press(&r, INPUT_SUCCESS, 50);
    press(&r, INPUT_UNDO, 2000);
    rig_contacts(&r, 0, INPUT_FAILURE);
    rig_run(&r, 50);
    CHECK(c, rig_state8(&r, STATE_COUNT) == 1 && events(&r) == EVENT_FAILURE && r.device.counters.presses_ignored == 2);
}

static void test_button_down_at_power_on_gives_nothing_until_released(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_contacts(&r, INPUT_UNDO, 0);
    rig_restart(&r, RESTART_POWER);
    rig_run(&r, 5000);
    CHECK(c, rig_state8(&r, STATE_COUNT) == 0 && (rig_state8(&r, STATE_FLAGS) & FLAG_STUCK) == 0);
    rig_run(&r, STUCK_MS);
    CHECK(c, (rig_state8(&r, STATE_FLAGS) & FLAG_STUCK) != 0);
    rig_contacts(&r, 0, INPUT_UNDO);
    rig_run(&r, 50);
    CHECK(c, rig_state8(&r, STATE_COUNT) == 0 && (rig_state8(&r, STATE_FLAGS) & FLAG_STUCK) == 0);
    press(&r, INPUT_UNDO, 50);
    CHECK(c, rig_state8(&r, STATE_COUNT) == 1);
}

static void test_stuck_button_gives_one_event_and_is_told(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_run(&r, 50);
    rig_contacts(&r, INPUT_SUCCESS, 0);
    rig_run(&r, STUCK_MS + 100);
    CHECK(c, rig_state8(&r, STATE_COUNT) == 1 && (rig_state8(&r, STATE_FLAGS) & FLAG_STUCK) != 0);
    CHECK(c, (rig_state8(&r, STATE_INPUTS) & INPUT_SUCCESS) != 0);
}

static void test_event_count_wraps_and_the_last_eight_stay(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_run(&r, 50);
    for (uint32_t i = 0; i < 259; i++) {
        press(&r, i % 2 ? INPUT_FAILURE : INPUT_SUCCESS, 20);
    }
    CHECK(c, rig_state8(&r, STATE_COUNT) == 3 && events(&r) == 0x21212121u);
}

void test_labels(check *c)
{
    test_presses_become_numbered_events(c);
    test_bouncing_press_counts_once(c);
    test_two_buttons_at_once_mean_the_first(c);
    test_button_down_at_power_on_gives_nothing_until_released(c);
    test_stuck_button_gives_one_event_and_is_told(c);
    test_event_count_wraps_and_the_last_eight_stay(c);
}
