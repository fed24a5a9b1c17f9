/* Contacts and lamps of the EK-LM3S6965; README.md lists the pins. A closed contact pulls its pin to ground. */
#include "board.h"

typedef struct {
    chip_port port;
    uint8_t pin;
    uint8_t bit; /* pendant_input or pendant_output */
} wire;

static const wire INPUTS[] = {
    {CHIP_PORT_F, 0x02, INPUT_DEADMAN_HALF}, {CHIP_PORT_E, 0x08, INPUT_DEADMAN_FULL}, {CHIP_PORT_B, 0x01, INPUT_ESTOP_A},
    {CHIP_PORT_D, 0x10, INPUT_ESTOP_B},      {CHIP_PORT_E, 0x01, INPUT_SUCCESS},      {CHIP_PORT_E, 0x02, INPUT_FAILURE},
    {CHIP_PORT_E, 0x04, INPUT_UNDO},         {CHIP_PORT_B, 0x04, INPUT_MIRROR},
};

static const wire OUTPUTS[] = {
    {CHIP_PORT_B, 0x10, OUTPUT_RELAY},
    {CHIP_PORT_F, 0x01, OUTPUT_GREEN},
    {CHIP_PORT_B, 0x20, OUTPUT_RED},
    {CHIP_PORT_B, 0x40, OUTPUT_BUZZER},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

void pins_start(board *self, restart_cause restart)
{
    (void)self;
    (void)restart;
    for (uint32_t i = 0; i < COUNT(INPUTS); i++) {
        chip_pins_open(INPUTS[i].port, INPUTS[i].pin, 0);
    }
    for (uint32_t i = 0; i < COUNT(OUTPUTS); i++) {
        chip_pins_open(OUTPUTS[i].port, 0, OUTPUTS[i].pin);
    }
}

void pins_poll(board *self)
{
    (void)self;
}

uint8_t pins_read(void *context)
{
    (void)context;
    uint32_t bits = 0;
    for (uint32_t i = 0; i < COUNT(INPUTS); i++) {
        bits |= chip_pins_read(INPUTS[i].port, INPUTS[i].pin) == 0 ? INPUTS[i].bit : 0u;
    }
    return (uint8_t)bits;
}

void pins_write(void *context, uint8_t outputs)
{
    (void)context;
    for (uint32_t i = 0; i < COUNT(OUTPUTS); i++) {
        chip_pins_write(OUTPUTS[i].port, OUTPUTS[i].pin, (outputs & OUTPUTS[i].bit) != 0 ? OUTPUTS[i].pin : 0u);
    }
}
