/* Bytes from the host: frames, commands, their effect and the answer. */
#ifndef PENDANT_COMMANDS_H
#define PENDANT_COMMANDS_H

#include "pendant/state.h"

void command_take_byte(pendant *self, uint8_t byte, uint32_t now_ms);

#endif
