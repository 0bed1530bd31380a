#include "kernels/v16/v16.h"

#include ISA_FILE(vec.h)

#define DOTS_KERNEL       ISA(dots_f32)
#define DOTS_ELEMENT      float
#define DOTS_OPERAND      vec
#define DOTS_LOAD(x)      vec_load((const float *)(const void *)(x))
#define DOTS_FMA(x, w, s) vec_fma(x, w, s)
#include "kernels/v16/dots.inc"
