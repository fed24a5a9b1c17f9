/* Whatever hands and hosts do, a closed relay means that all is well, and it closes only while an ARM is being received. */
#include "rig.h"

static uint32_t draw(uint32_t *state, uint32_t below)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % below;
}

static void act_randomly(rig *r, uint32_t *seed)
{
    static const uint8_t CONTACTS[] = {INPUT_DEADMAN_HALF, INPUT_DEADMAN_FULL, INPUT_ESTOP_A, INPUT_ESTOP_B, ESTOP_CLOSED, INPUT_SUCCESS, INPUT_UNDO};
    uint8_t which = CONTACTS[draw(seed, sizeof CONTACTS)];
    switch (draw(seed, 40)) {
    case 0:
        rig_contacts(r, which, 0);
        break;
    case 1:
        rig_contacts(r, 0, which);
        break;
    case 2: /* mostly back to rest, so that the relay gets to close */
    case 3:
        r->contacts = ESTOP_CLOSED;
        break;
    case 4:
        r->beats = draw(seed, 4) != 0;
        break;
    case 5:
        rig_send(r, MESSAGE_CLEAR, rig_token(r));
        break;
    case 6:
        rig_send(r, MESSAGE_HELLO, draw(seed, 3));
        break;
    case 7:
        rig_bytes(r, (const uint8_t[]){(uint8_t)draw(seed, 256)}, 1);
        break;
    case 8:
        r->now_ms += draw(seed, 60); /* the program is held up */
        break;
    default:
        break;
    }
}

static void check_closed_relay(check *c, const rig *r, bool was_closed)
{
    const pendant *p = &r->device;
    CHECK(c, (r->contacts & ESTOP_CLOSED) == ESTOP_CLOSED);
    CHECK(c, (r->contacts & INPUT_DEADMAN_FULL) == 0);
    CHECK(c, p->faults.faults == 0);
    CHECK(c, r->now_ms - p->host.heartbeat_ms < 200);
    CHECK(c, was_closed);
}

void test_random(check *c)
{
    rig r;
    uint32_t seed = 1;
    uint32_t armed = 0;
    rig_init(&r, 0);
    rig_connect(&r, 1);
    for (uint32_t i = 0; i < 60000; i++) {
        bool was_closed = rig_relay(&r);
        act_randomly(&r, &seed);
        CHECK(c, was_closed || !rig_relay(&r)); /* nothing but ARM closes it */
        if (i % 50 == 49) {
            rig_send(&r, MESSAGE_ARM, rig_token(&r));
            rig_run(&r, 1);
            armed += !was_closed && rig_relay(&r);
        }
        was_closed = rig_relay(&r);
        rig_run(&r, 1);
        if (rig_relay(&r)) {
            check_closed_relay(c, &r, was_closed);
        }
    }
    CHECK(c, armed > 20 && r.bad == 0);
}
