// The program of a container that measures isolation, for aarch64 Linux. `program.rs` embeds what
// this assembles to and tells what it does.

        .text
        .globl  _start
_start:
        ldr     w19, [sp]                   // argc
        add     x20, sp, #16                // the first argument
        sub     sp, sp, #64
        subs    w19, w19, #1
        b.eq    wait

// One bit for each address, the first in the lowest, on top of 64.
        mov     w21, #64
        mov     w22, #1
try:
        ldr     x9, [x20], #8
        // struct sockaddr_in at the stack's top: family, port, address, nothing.
        mov     x10, #2
        stp     x10, xzr, [sp]
        add     x11, sp, #2
        mov     w12, #6
byte:
        bl      digit
        lsl     w14, w13, #4
        bl      digit
        orr     w13, w13, w14
        strb    w13, [x11], #1
        subs    w12, w12, #1
        b.ne    byte

        bl      socket
        // Longest wait for a connection: struct timeval.
        mov     x10, #1
        mov     x2, #21                     // SO_SNDTIMEO
        bl      option
        mov     x8, #203                    // connect
        mov     w0, w23
        mov     x1, sp
        mov     x2, #16
        svc     #0
        cbnz    w0, next
        orr     w21, w21, w22
next:
        mov     x8, #57                     // close
        mov     w0, w23
        svc     #0
        lsl     w22, w22, #1
        subs    w19, w19, #1
        b.ne    try
        mov     w0, w21
        b       exit

wait:
        bl      socket
        // Longest wait for the next connection.
        mov     x10, #20
        mov     x2, #20                     // SO_RCVTIMEO
        bl      option
        mov     w10, #2                     // AF_INET, port 0x4841, any address
        movk    w10, #0x4148, lsl #16
        stp     x10, xzr, [sp]
        mov     x8, #200                    // bind
        mov     w0, w23
        mov     x1, sp
        mov     x2, #16
        svc     #0
        cbnz    w0, fail
        mov     x8, #201                    // listen
        mov     w0, w23
        mov     x1, #8
        svc     #0
        cbnz    w0, fail
accept:
        mov     x8, #202                    // accept
        mov     w0, w23
        mov     x1, #0
        mov     x2, #0
        svc     #0
        tbnz    w0, #31, done
        mov     x8, #57                     // close
        svc     #0
        b       accept
done:
        mov     w0, #0
        b       exit

// A TCP socket in w23.
socket:
        mov     x8, #198                    // socket
        mov     x0, #2
        mov     x1, #1
        mov     x2, #0
        svc     #0
        tbnz    w0, #31, fail
        mov     w23, w0
        ret

// Sets the option x2 of the socket w23 to a time of x10 seconds.
option:
        stp     x10, xzr, [sp, #32]
        mov     x8, #208                    // setsockopt
        mov     w0, w23
        mov     x1, #1                      // SOL_SOCKET
        add     x3, sp, #32
        mov     x4, #16
        svc     #0
        cbnz    w0, fail
        ret

// The value of the hexadecimal digit at x9 in w13.
digit:
        ldrb    w13, [x9], #1
        lsr     w15, w13, #6
        add     w15, w15, w15, lsl #3
        and     w13, w13, #15
        add     w13, w13, w15
        ret

fail:
        mov     w0, #1
exit:
        mov     x8, #93                     // exit
        svc     #0
