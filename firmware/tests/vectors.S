/* The golden vectors, byte for byte, with a closing zero. */
#ifdef __arm__
    .syntax unified
#endif
    .section .rodata
    .global golden_vectors
golden_vectors:
    .incbin VECTORS_FILE
    .byte 0
#ifndef __arm__
    .section .note.GNU-stack,"",%progbits
#endif
