/* The sources of this folder are compiled once for each instruction set that has sixteen lanes. The
 * Makefile gives each compilation that set's flags and LM_ISA, the name of its folder. */
#ifndef LM_KERNELS_V16_ISA_H
#define LM_KERNELS_V16_ISA_H

#define LM_STRING_OF(x)       #x
#define LM_STRING(x)          LM_STRING_OF(x)
#define LM_JOIN_OF(isa, name) lm_##isa##_##name
#define LM_JOIN(isa, name)    LM_JOIN_OF(isa, name)

/* A file of the instruction set's folder: #include ISA_FILE(v16.h). A path has no spaces. */
/* clang-format off */
#define ISA_FILE(name) LM_STRING(kernels/LM_ISA/name)
/* clang-format on */
/* The instruction set's version of a kernel: ISA(add_f32) is lm_avx2_add_f32 for one of them. */
#define ISA(name) LM_JOIN(LM_ISA, name)

#include ISA_FILE(isa.h)

#endif
