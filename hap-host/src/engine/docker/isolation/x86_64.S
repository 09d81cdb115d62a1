# The program of a container that measures isolation, for x86_64 Linux. `program.rs` embeds what
# this assembles to and tells what it does.

        .text
        .globl  _start
_start:
        mov     (%rsp), %ebx                # argc
        lea     16(%rsp), %rbp              # the first argument
        sub     $64, %rsp
        dec     %ebx
        jz      wait

# One bit for each address, the first in the lowest, on top of 64.
        mov     $64, %r12d
        mov     $1, %r13d
try:
        mov     (%rbp), %rsi
        add     $8, %rbp
        # struct sockaddr_in at the stack's top: family, port, address, nothing.
        movq    $2, (%rsp)
        movq    $0, 8(%rsp)
        lea     2(%rsp), %rdi
        mov     $6, %ecx
byte:
        call    digit
        mov     %eax, %edx
        shl     $4, %edx
        call    digit
        or      %edx, %eax
        stosb
        loop    byte

        call    socket
        # Longest wait for a connection: struct timeval.
        movq    $1, 32(%rsp)
        movq    $0, 40(%rsp)
        mov     $21, %edx                   # SO_SNDTIMEO
        call    option
        mov     $42, %eax                   # connect
        mov     %rsp, %rsi
        mov     $16, %edx
        syscall
        test    %eax, %eax
        jnz     next
        or      %r13d, %r12d
next:
        mov     $3, %eax                    # close
        syscall
        shl     %r13d
        dec     %ebx
        jnz     try
        mov     %r12d, %edi
        jmp     exit

wait:
        call    socket
        # Longest wait for the next connection.
        movq    $20, 32(%rsp)
        movq    $0, 40(%rsp)
        mov     $20, %edx                   # SO_RCVTIMEO
        call    option
        movq    $0x41480002, (%rsp)         # AF_INET, port 0x4841, any address
        movq    $0, 8(%rsp)
        mov     $49, %eax                   # bind
        mov     %rsp, %rsi
        mov     $16, %edx
        syscall
        test    %eax, %eax
        jnz     fail
        mov     $50, %eax                   # listen
        mov     $8, %esi
        syscall
        test    %eax, %eax
        jnz     fail
        mov     %edi, %r12d
accept:
        mov     $43, %eax                   # accept
        mov     %r12d, %edi
        xor     %esi, %esi
        xor     %edx, %edx
        syscall
        xor     %edi, %edi
        test    %eax, %eax
        js      exit
        mov     %eax, %edi
        mov     $3, %eax                    # close
        syscall
        jmp     accept

# A TCP socket in %edi.
socket:
        mov     $41, %eax                   # socket
        mov     $2, %edi
        mov     $1, %esi
        xor     %edx, %edx
        syscall
        mov     %eax, %edi
        test    %eax, %eax
        js      fail
        ret

# Sets the option %edx of the socket %edi to the time at 32(%rsp) of the caller.
option:
        mov     $54, %eax                   # setsockopt
        mov     $1, %esi                    # SOL_SOCKET
        lea     40(%rsp), %r10
        mov     $16, %r8d
        syscall
        test    %eax, %eax
        jnz     fail
        ret

# The value of the hexadecimal digit at %rsi in %eax.
digit:
        lodsb
        movzbl  %al, %eax
        mov     %eax, %r8d
        shr     $6, %r8d
        imul    $9, %r8d, %r8d
        and     $15, %eax
        add     %r8d, %eax
        ret

fail:
        mov     $1, %edi
exit:
        mov     $60, %eax                   # exit
        syscall
