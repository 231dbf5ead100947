// Vectors of floats, bf16 in and out, and one small matrix product; all kernels are written in these.
//
// A "word" is what one lane multiplies at once: a pair of bf16 where the processor has VDPBF16PS, one float elsewhere.

#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__) && defined(__AVX512BW__)
constexpr int W = 16;  // lanes of a vector
constexpr int TILE_COLUMNS = 4;
#elif defined(__AVX2__)
constexpr int W = 8;
constexpr int TILE_COLUMNS = 2;  // 16 registers hold no more
#else
constexpr int W = 4;
constexpr int TILE_COLUMNS = 2;
#endif
constexpr int TILE_ROWS = 4;

typedef float vf __attribute__((vector_size(4 * W), may_alias));
typedef int32_t vi __attribute__((vector_size(4 * W), may_alias));
typedef uint32_t vu __attribute__((vector_size(4 * W), may_alias));
typedef uint16_t vh __attribute__((vector_size(2 * W), may_alias));

struct bf16 {
    uint16_t bits;
};

#define INLINE static inline __attribute__((always_inline))

INLINE vf splat(float x) { return vf{} + x; }
INLINE vf load(const float *p) {
    vf x;
    memcpy(&x, p, sizeof x);
    return x;
}
INLINE void store(float *p, vf x) { memcpy(p, &x, sizeof x); }
INLINE vf choose(vi mask, vf yes, vf no) { return (vf)((mask & (vi)yes) | (~mask & (vi)no)); }
INLINE vf larger(vf a, vf b) { return choose(a > b, a, b); }

INLINE vf load(const bf16 *p) {
    vh x;
    memcpy(&x, p, sizeof x);
    return (vf)(__builtin_convertvector(x, vu) << 16);
}

INLINE vh rounded(vf x) {  // to the nearest bf16, ties to even
#if defined(__AVX512BF16__)
    return (vh)_mm512_cvtneps_pbh((__m512)x);
#else
    vu bits = (vu)x;
    vu up = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    return __builtin_convertvector((vu)choose(x == x, (vf)up, (vf)(vu{} + 0x7fc0)), vh);
#endif
}
INLINE void store(bf16 *p, vf x) {
    vh h = rounded(x);
    memcpy(p, &h, sizeof h);
}

INLINE float one(const float *p) { return *p; }
INLINE float one(const bf16 *p) {
    uint32_t bits = (uint32_t)p->bits << 16;
    float x;
    memcpy(&x, &bits, 4);
    return x;
}
INLINE void put(float *p, float x) { *p = x; }
INLINE void put(bf16 *p, float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    p->bits = x == x ? (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16) : 0x7fc0;
}

INLINE float sum(vf x) {  // always in the same order
    float s = 0;
    for (int i = 0; i < W; i++) s += x[i];
    return s;
}

// 2^x to about 2e-7 of it, 0 below 2^-126. Cephes' polynomial on [-1/2, 1/2].
INLINE vf exp2_of(vf x) {
    const vf magic = splat(12582912.0f);  // 1.5 · 2^23: adding it rounds to a whole number and leaves it in the low bits
    vi kept = x > splat(-126.0f);
    x = choose(kept, x, splat(0.0f));
    x = choose(x < splat(127.0f), x, splat(127.0f));
    vf shifted = x + magic;
    vf f = x - (shifted - magic);
    vf p = splat(1.535336188319500e-4f);
    p = p * f + 1.339887440266574e-3f;
    p = p * f + 9.618437357674640e-3f;
    p = p * f + 5.550332471162809e-2f;
    p = p * f + 2.402264791363012e-1f;
    p = p * f + 6.931472028550421e-1f;
    p = p * f + 1.0f;
    vi exponent = ((vi)shifted - 0x4b400000) << 23;
    vf y = (vf)((vi)p + exponent);
    return (vf)(kept & (vi)y);
}
constexpr float LOG2E = 1.4426950408889634f, LN2 = 0.6931471805599453f;
INLINE vf exp_of(vf x) { return exp2_of(x * LOG2E); }

// Words -------------------------------------------------------------------------------------------------------------

template <class Word>
struct Words;

template <>
struct Words<float> {
    static constexpr int PER = 1;  // numbers in a word
    typedef float Element;
    INLINE vf multiply_add(vf c, const float *a, const float *b) { return c + *a * load(b); }
};

#if defined(__AVX512BF16__)
template <>
struct Words<uint32_t> {
    static constexpr int PER = 2;
    typedef bf16 Element;
    INLINE vf multiply_add(vf c, const uint32_t *a, const uint32_t *b) {
        return (vf)_mm512_dpbf16_ps((__m512)c, (__m512bh)_mm512_set1_epi32((int)*a), (__m512bh)_mm512_loadu_si512(b));
    }
};
#endif

// C[r][·] = factor[r] · C[r][·] + Σ_p A[r, p] · B[p][·]; A's words stand at a[r · a_row + p · a_step].
template <class Word, int R, int C>
INLINE void tile(const Word *a, long a_row, long a_step, const Word *b, long b_step, long steps, float *c, long c_row,
                 const float *factor, bool fresh) {
    vf sums[R][C];
#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
        for (int j = 0; j < C; j++) {
            if (fresh)
                sums[r][j] = splat(0);
            else
                sums[r][j] = factor ? load(c + r * c_row + j * W) * factor[r] : load(c + r * c_row + j * W);
        }
    for (long p = 0; p < steps; p++) {
#pragma GCC unroll 8
        for (int r = 0; r < R; r++)
#pragma GCC unroll 8
            for (int j = 0; j < C; j++)
                sums[r][j] = Words<Word>::multiply_add(sums[r][j], a + r * a_row + p * a_step, b + p * b_step + j * W);
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
        for (int j = 0; j < C; j++) store(c + r * c_row + j * W, sums[r][j]);
}

template <class Word, int C>
INLINE void panel(const Word *a, long a_row, long a_step, const Word *b, long b_step, long steps, float *c, long c_row,
                  long rows, const float *factor, bool fresh) {
    long r = 0;
    for (; r + TILE_ROWS <= rows; r += TILE_ROWS)
        tile<Word, TILE_ROWS, C>(a + r * a_row, a_row, a_step, b, b_step, steps, c + r * c_row, c_row,
                                 factor ? factor + r : nullptr, fresh);
    for (; r < rows; r++)
        tile<Word, 1, C>(a + r * a_row, a_row, a_step, b, b_step, steps, c + r * c_row, c_row,
                         factor ? factor + r : nullptr, fresh);
}

// The same over any number of rows and a multiple of W columns.
template <class Word>
static void multiply(const Word *a, long a_row, long a_step, const Word *b, long b_step, long steps, float *c,
                     long c_row, long rows, long columns, const float *factor, bool fresh) {
    long j = 0;
    for (; j + TILE_COLUMNS * W <= columns; j += TILE_COLUMNS * W)
        panel<Word, TILE_COLUMNS>(a, a_row, a_step, b + j, b_step, steps, c + j, c_row, rows, factor, fresh);
    if (TILE_COLUMNS > 2 && j + 2 * W <= columns) {
        panel<Word, 2>(a, a_row, a_step, b + j, b_step, steps, c + j, c_row, rows, factor, fresh);
        j += 2 * W;
    }
    for (; j < columns; j += W)
        panel<Word, 1>(a, a_row, a_step, b + j, b_step, steps, c + j, c_row, rows, factor, fresh);
}

// Room that a thread keeps from call to call.
struct Scratch {
    char *bytes = nullptr;
    size_t size = 0, used = 0;
    void reserve(size_t wanted) {
        used = 0;
        if (wanted <= size) return;
        free(bytes);
        size = (wanted + 4095) / 4096 * 4096;
        bytes = (char *)aligned_alloc(4096, size);
        if (!bytes) abort();
    }
    template <class T>
    T *take(size_t count) {
        T *at = (T *)(bytes + used);
        used += (count * sizeof(T) + 63) / 64 * 64;
        return at;
    }
    ~Scratch() { free(bytes); }
};
