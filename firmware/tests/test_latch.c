#include <string.h>

#include "rig.h"

static pendant_status clear(rig *r)
{
    rig_send(r, MESSAGE_CLEAR, rig_token(r));
    rig_run(r, 20);
    return (pendant_status)r->reply[5];
}

static void reconnect(rig *r, restart_cause cause, uint32_t nonce)
{
    r->beats = false;
    rig_restart(r, cause);
    rig_run(r, 100);
    rig_connect(r, nonce);
    rig_run(r, 20);
}

static void test_discrepancy_outlives_a_restart_until_the_button_is_proved(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_ready(&r, c);
    rig_contacts(&r, 0, INPUT_ESTOP_B); /* a broken wire */
    rig_run(&r, 300);
    CHECK(c, rig_state8(&r, STATE_FAULTS) == FAULT_DISCREPANCY);
    CHECK(c, clear(&r) == PENDANT_FAULT_PRESENT);
    rig_contacts(&r, INPUT_ESTOP_B, 0); /* mended */
    reconnect(&r, RESTART_POWER, 2);
    CHECK(c, rig_state8(&r, STATE_FAULTS) == FAULT_DISCREPANCY && rig_arm(&r) == PENDANT_STOP_PRESENT);
    CHECK(c, clear(&r) == PENDANT_FAULT_PRESENT); /* not proved yet */
    rig_contacts(&r, 0, ESTOP_CLOSED);
    rig_run(&r, 200);
    rig_contacts(&r, ESTOP_CLOSED, 0);
    rig_run(&r, 100);
    CHECK(c, clear(&r) == PENDANT_OK && rig_state8(&r, STATE_FAULTS) == 0 && !rig_relay(&r));
    CHECK(c, rig_arm(&r) == PENDANT_OK);
}

static void test_brown_out_opens_and_needs_a_new_session_and_arming(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_ready(&r, c);
    uint16_t token = rig_token(&r);
    rig_restart(&r, RESTART_BROWNOUT); /* the host goes on with its heartbeats */
    CHECK(c, !rig_relay(&r));
    rig_run(&r, 500);
    CHECK(c, !rig_relay(&r) && r.device.counters.no_session > 5 && rig_state8(&r, STATE_FAULTS) == 0);
    rig_send(&r, MESSAGE_ARM, token);
    CHECK(c, !rig_relay(&r) && rig_token(&r) != token);
    rig_connect(&r, 9);
    CHECK(c, r.welcome[19] == RESTART_BROWNOUT && r.welcome[12] == 2); /* second boot */
    rig_run(&r, 100);
    CHECK(c, rig_arm(&r) == PENDANT_OK);
}

static void test_hang_is_a_fault_until_cleared(check *c)
{
    rig r;
    rig_init(&r, 0);
    reconnect(&r, RESTART_WATCHDOG, 3);
    CHECK(c, rig_state8(&r, STATE_FAULTS) == FAULT_WATCHDOG && rig_arm(&r) == PENDANT_STOP_PRESENT);
    reconnect(&r, RESTART_POWER, 4);
    CHECK(c, rig_state8(&r, STATE_FAULTS) == FAULT_WATCHDOG);
    rig_send(&r, MESSAGE_CLEAR, rig_token(&r) + 1u);
    CHECK(c, r.reply[5] == PENDANT_BAD_TOKEN);
    rig_contacts(&r, INPUT_DEADMAN_HALF, 0);
    rig_run(&r, 20);
    CHECK(c, clear(&r) == PENDANT_DEADMAN_PRESSED);
    rig_contacts(&r, 0, INPUT_DEADMAN_HALF);
    rig_run(&r, 20);
    CHECK(c, clear(&r) == PENDANT_OK);
}

static void test_relay_that_does_not_follow_is_a_fault(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_ready(&r, c);
    r.welded = true;
    rig_run(&r, 500);
    CHECK(c, rig_relay(&r)); /* closed and meant to be: nothing to see yet */
    rig_contacts(&r, 0, ESTOP_CLOSED);
    rig_run(&r, 100);
    rig_contacts(&r, ESTOP_CLOSED, 0);
    rig_run(&r, 100);
    CHECK(c, rig_state8(&r, STATE_FAULTS) == FAULT_RELAY && clear(&r) == PENDANT_FAULT_PRESENT);
    CHECK(c, (rig_state8(&r, STATE_INPUTS) & INPUT_MIRROR) == 0);
    r.welded = false;
    rig_run(&r, 10);
    CHECK(c, clear(&r) == PENDANT_OK && rig_arm(&r) == PENDANT_OK);
    rig_init(&r, 0);
    r.mirror_off = true;
    rig_run(&r, 200);
    CHECK(c, rig_state8(&r, STATE_FAULTS) == FAULT_RELAY);
}

static void test_impossible_grip_is_a_fault(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_ready(&r, c);
    rig_contacts(&r, INPUT_DEADMAN_FULL, 0);
    rig_run(&r, 300);
    CHECK(c, !rig_relay(&r) && rig_state8(&r, STATE_FAULTS) == FAULT_DEADMAN && clear(&r) == PENDANT_FAULT_PRESENT);
}

static void test_damaged_storage_is_a_fault(check *c)
{
    rig r;
    rig_init(&r, 0);
    r.storage[1] ^= 0x04u;
    reconnect(&r, RESTART_POWER, 2);
    CHECK(c, rig_state8(&r, STATE_FAULTS) == FAULT_STORAGE && rig_arm(&r) == PENDANT_STOP_PRESENT);
    CHECK(c, clear(&r) == PENDANT_OK);
    memset(r.storage, 0xFF, LATCH_BYTES); /* erased */
    reconnect(&r, RESTART_POWER, 3);
    CHECK(c, rig_state8(&r, STATE_FAULTS) == 0);
    r.load_fails = true;
    reconnect(&r, RESTART_POWER, 4);
    CHECK(c, rig_state8(&r, STATE_FAULTS) == FAULT_STORAGE);
    r.load_fails = false;
    r.store_fails = true;
    reconnect(&r, RESTART_POWER, 5);
    CHECK(c, rig_state8(&r, STATE_FAULTS) == FAULT_STORAGE && clear(&r) == PENDANT_STORAGE_FAILED);
}

static void test_storage_is_written_only_when_something_changed(check *c)
{
    rig r;
    rig_init(&r, 0);
    rig_ready(&r, c);
    uint32_t before = r.stores;
    rig_contacts(&r, 0, INPUT_ESTOP_A);
    rig_run(&r, 5000);
    CHECK(c, r.stores == before + 1);
}

void test_latch(check *c)
{
    test_discrepancy_outlives_a_restart_until_the_button_is_proved(c);
    test_brown_out_opens_and_needs_a_new_session_and_arming(c);
    test_hang_is_a_fault_until_cleared(c);
    test_relay_that_does_not_follow_is_a_fault(c);
    test_impossible_grip_is_a_fault(c);
    test_damaged_storage_is_a_fault(c);
    test_storage_is_written_only_when_something_changed(c);
}
