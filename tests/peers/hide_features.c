/* Hides features of an x86 processor from the programs of the race, so that engines that look for
 * themselves run as on a lesser one. Linux can make CPUID fault, thread by thread; the handler here
 * asks the processor, clears bits, and lets the program go on behind the instruction.
 *
 *     cc -O2 -shared -fPIC -o hide_features.so tests/peers/hide_features.c
 *     HIDE_FEATURES=amx  LD_PRELOAD=./hide_features.so PROGRAM    no AMX
 *     HIDE_FEATURES=vnni LD_PRELOAD=./hide_features.so PROGRAM    no AMX, AVX-512 or AVX-VNNI either
 *
 * XGETBV still tells of the registers; nobody asks it about what CPUID denies. A program that takes
 * SIGSEGV for itself dies at its next CPUID. */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define BIT(n) (1u << (n))

struct registers {
    unsigned eax, ebx, ecx, edx;
};

static int only_amx;

static long let_cpuid(int work) {
    return syscall(SYS_arch_prctl, ARCH_SET_CPUID, work);
}

static void hide(unsigned leaf, unsigned subleaf, struct registers *r) {
    if (leaf != 7)
        return;
    if (subleaf == 0)
        r->edx &= ~(BIT(22) | BIT(24) | BIT(25)); /* AMX-BF16, -TILE, -INT8 */
    if (subleaf == 1) {
        r->eax &= ~BIT(21); /* AMX-FP16 */
        r->edx &= ~BIT(8);  /* AMX-COMPLEX */
    }
    if (only_amx)
        return;
    if (subleaf == 0) {
        r->ebx &= ~(BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) |
                    BIT(31));                                           /* AVX-512 F DQ IFMA PF ER CD BW VL */
        r->ecx &= ~(BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14));     /* VBMI VBMI2 VNNI BITALG VPOPCNTDQ */
        r->edx &= ~(BIT(2) | BIT(3) | BIT(8) | BIT(23));                /* 4VNNIW 4FMAPS VP2INTERSECT FP16 */
    }
    if (subleaf == 1) {
        r->eax &= ~(BIT(4) | BIT(5) | BIT(23));           /* AVX-VNNI, AVX-512 BF16, AVX-IFMA */
        r->edx &= ~(BIT(4) | BIT(5) | BIT(10) | BIT(19)); /* AVX-VNNI-INT8, NE-CONVERT, VNNI-INT16, AVX10 */
    }
}

static void on_fault(int signal_number, siginfo_t *info, void *context) {
    greg_t *saved = ((ucontext_t *)context)->uc_mcontext.gregs;
    const unsigned char *code = (const unsigned char *)saved[REG_RIP];
    if (info->si_code != SI_KERNEL || code[0] != 0x0f || code[1] != 0xa2) {
        signal(signal_number, SIG_DFL); /* another fault: it happens again, and ends the program */
        return;
    }
    int kept = errno;
    unsigned leaf = saved[REG_RAX], subleaf = saved[REG_RCX];
    struct registers r;
    let_cpuid(1);
    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    let_cpuid(0);
    hide(leaf, subleaf, &r);
    saved[REG_RAX] = r.eax, saved[REG_RBX] = r.ebx, saved[REG_RCX] = r.ecx, saved[REG_RDX] = r.edx;
    saved[REG_RIP] += 2;
    errno = kept;
}

static void fail(const char *why) {
    if (write(2, why, strlen(why)) < 0 || write(2, "\n", 1) < 0)
        _exit(3);
    _exit(2);
}

/* exec switches the fault off, so every program of a race comes by here; threads inherit it. */
__attribute__((constructor)) static void begin(void) {
    const char *what = getenv("HIDE_FEATURES");
    only_amx = what && !strcmp(what, "amx");
    if (!only_amx && !(what && !strcmp(what, "vnni")))
        fail("HIDE_FEATURES must be amx or vnni");
    /* Not SA_ONSTACK: a library may have left a signal stack behind that is gone. */
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    if (sigaction(SIGSEGV, &action, 0) || let_cpuid(0))
        fail("this processor or system cannot make CPUID fault (cpuid_fault in /proc/cpuinfo)");
}
