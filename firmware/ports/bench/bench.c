#include "bench.h"

#define AT_REST (INPUT_ESTOP_A | INPUT_ESTOP_B)

void bench_init(bench *self, void (*write)(void *, const uint8_t *), void *context)
{
    *self = (bench){.write = write, .context = context, .contacts = AT_REST};
}

static void report(const bench *self, char operation, uint8_t value, uint32_t now_ms)
{
    uint8_t bytes[BENCH_REPORT] = {(uint8_t)operation, value};
    for (uint32_t i = 0; i < 4; i++) {
        bytes[2 + i] = (uint8_t)(now_ms >> 8 * i & 0xFFu);
    }
    self->write(self->context, bytes);
}

void bench_started(bench *self, restart_cause restart, uint32_t now_ms)
{
    report(self, 'B', (uint8_t)restart, now_ms);
}

static void obey(bench *self, uint8_t value, uint32_t now_ms)
{
    switch (self->operation) {
    case 'I':
        self->contacts = (uint8_t)(value & ~(uint32_t)INPUT_MIRROR);
        report(self, 'I', self->contacts, now_ms);
        break;
    case 'W':
        self->welded = value != 0;
        break;
    case 'H':
        self->hang = true;
        break;
    default: /* not an operation */
        break;
    }
}

void bench_take(bench *self, uint8_t byte, uint32_t now_ms)
{
    if (self->operation == 0) {
        self->operation = byte;
        return;
    }
    obey(self, byte, now_ms);
    self->operation = 0;
}

uint8_t bench_inputs(const bench *self)
{
    bool closed = (self->outputs & OUTPUT_RELAY) != 0 || self->welded;
    return (uint8_t)(self->contacts | (closed ? 0u : INPUT_MIRROR));
}

void bench_outputs(bench *self, uint8_t outputs, uint32_t now_ms)
{
    if (outputs != self->outputs) {
        self->outputs = outputs;
        report(self, 'O', outputs, now_ms);
    }
}
