// softmax(Q Kᵀ · scale) V over the documents of a packed batch, and its gradient, without ever holding the scores of
// more than a tile (FlashAttention-2: Dao 2023, 2307.08691, algorithms 1 and 2).
//
// Lanes of a vector are neighbouring queries: then the softmax's maxima and sums are plain vector operations, and the
// scores of a tile, (keys, queries), can be multiplied on without a transpose.
//
// Every number is summed by one thread in an order that the shapes alone decide: the same input gives the same bits,
// whatever the number of threads.

#include "simd.hpp"

#include <algorithm>
#include <vector>

namespace {

constexpr long QUERIES = 64, KEYS = 64;  // of a tile
constexpr long CHUNK = 512;              // queries of one piece of the forward pass
constexpr float NEVER = -1e30f;          // the score of a key that is not seen; finite, or ∞ − ∞ would be no number

// A tensor of tokens × heads × size of a head, the last one dense; strides in elements.
template <class T>
struct Heads {
    T *data;
    long token, head;
    T *at(long n, long h) const { return data + n * token + h * head; }
};

struct Task {
    long first_query, queries, first_key, keys, head;
};

struct Shape {
    long heads, groups, size, window;
    float scale;
    bool causal, tiles;
    bool partial(long key, long key_end, long query, long query_end) const {  // some pair of the tile is not seen
        return (causal && key_end - 1 > query) || (window && query_end - 1 - key >= window);
    }
    vi seen(long key, vi query) const {
        vi mask = vi{} - 1;
        if (causal) mask &= query >= (int)key;
        if (window) mask &= (query - (int)key) < (int)window;
        return mask;
    }
};

vi places(long first) {
    vi place{};
    for (int i = 0; i < W; i++) place[i] = (int)first + i;
    return place;
}

// Rows of a head as words along the row: [rows][size / PER]; rows past the end are zero.
template <class Word, class T>
void pack_rows(const T *from, long stride, long rows, long padded, long size, Word *to) {
    using E = typename Words<Word>::Element;
    for (long r = 0; r < padded; r++) {
        E *row = (E *)(to + r * (size / Words<Word>::PER));
        for (long k = 0; k < size; k += W) store(row + k, r < rows ? load(from + r * stride + k) : splat(0));
    }
}

// Of W rows from `from` on, W words along each from word `k` on; rows past the end are zero.
template <class Word, class T>
INLINE void take_words(const T *from, long stride, long rows, long k, vu square[W]) {
    constexpr int PER = Words<Word>::PER;
    using E = typename Words<Word>::Element;
    for (long r = 0; r < W; r++) {
        E row[W * PER];
        for (int half = 0; half < PER; half++)
            store(row + half * W, r < rows ? load(from + r * stride + k * PER + half * W) : splat(0));
        memcpy(&square[r], row, sizeof square[r]);
    }
}

// A row of words, of PER rows of numbers.
template <class Word, class T>
INLINE vu word_down(const T *from, long stride, long rows) {
    vf upper = rows > 0 ? load(from) : splat(0);
    if constexpr (Words<Word>::PER == 1) return (vu)upper;
    vf lower = rows > 1 ? load(from + stride) : splat(0);
    return __builtin_convertvector(rounded(upper), vu) | (__builtin_convertvector(rounded(lower), vu) << 16);
}

// Words along the rows, a row a lane: [size / PER][QUERIES].
template <class Word, class T>
void pack_columns(const T *from, long stride, long rows, long size, Word *to) {
    constexpr int PER = Words<Word>::PER;
    for (long r = 0; r < QUERIES; r += W)
        for (long k = 0; k < size / PER; k += W) {
            const long words = std::min((long)W, size / PER - k);
            vu square[W];
            if (words == W) {
                take_words<Word>(from + r * stride, stride, rows - r, k, square);
            } else {  // the last words of a row: half a vector
                for (long i = 0; i < W; i++) {
                    square[i] = vu{};
                    using E = typename Words<Word>::Element;
                    E row[W];
                    store(row, r + i < rows ? load(from + (r + i) * stride + k * PER) : splat(0));
                    memcpy(&square[i], row, sizeof row);
                }
            }
            transpose(square);
            for (long i = 0; i < words; i++) memcpy(to + (k + i) * QUERIES + r, &square[i], sizeof square[i]);
        }
}

// Words down the rows: [padded / PER][size], word (p, k) holding rows PER·p … at column k.
template <class Word, class T>
void pack_down(const T *from, long stride, long rows, long padded, long size, Word *to) {
    constexpr int PER = Words<Word>::PER;
    for (long r = 0; r < padded; r += PER)
        for (long k = 0; k < size; k += W) {
            const vu word = word_down<Word>(from + r * stride + k, stride, rows - r);
            memcpy(to + r / PER * size + k, &word, sizeof word);
        }
}

// The same words, a column a row: KEYS rows after KEYS rows, each [size][KEYS / PER].
template <class Word, class T>
void pack_across(const T *from, long stride, long rows, long size, Word *to) {
    constexpr int PER = Words<Word>::PER;
    for (long first = 0; first < rows; first += KEYS)
        for (long p = 0; p < KEYS / PER; p += W)
            for (long k = 0; k < size; k += W) {
                vu square[W];
                for (long i = 0; i < W; i++) {
                    const long r = first + (p + i) * PER;
                    square[i] = word_down<Word>(from + r * stride + k, stride, rows - r);
                }
                transpose(square);
                for (long i = 0; i < W; i++)
                    memcpy(to + first / PER * size + (k + i) * (KEYS / PER) + p, &square[i], sizeof square[i]);
            }
}

// Of [size][QUERIES] floats each of so many columns, times its factor, as a row.
template <class T>
void put_columns(const float *from, const float *factor, long columns, long size, T *to, long stride) {
    for (long j = 0; j < columns; j += W)
        for (long k = 0; k < size; k += W) {
            vu square[W];
            for (long i = 0; i < W; i++) {
                vf x = load(from + (k + i) * QUERIES + j);
                square[i] = (vu)(factor ? x * load(factor + j) : x);
            }
            transpose(square);
            for (long i = 0; i < std::min((long)W, columns - j); i++) store(to + (j + i) * stride + k, (vf)square[i]);
        }
}

// Two rows of numbers as words down the rows.
template <class Word>
INLINE void put_down(Word *to, long row_words, vf upper, vf lower) {
    if constexpr (Words<Word>::PER == 2) {
        vu pair =
            __builtin_convertvector(rounded(upper), vu) | (__builtin_convertvector(rounded(lower), vu) << 16);
        memcpy(to, &pair, sizeof pair);
    } else {
        store((float *)to, upper);
        store((float *)to + row_words, lower);
    }
}

long up(long n, long multiple) { return (n + multiple - 1) / multiple * multiple; }

template <class Word, class T>
void forward_task(const Task &task, const Shape &shape, Heads<const T> q, Heads<const T> k, Heads<const T> v, Heads<T> out,
                  float *lse, long lse_head, Scratch &scratch, long first, long last) {
    constexpr int PER = Words<Word>::PER;
    const long size = shape.size, group = task.head / (shape.heads / shape.groups);
    const long keys = up(task.keys, KEYS);
    const float c = shape.scale * LOG2E;
    scratch.reserve(sizeof(Word) * (2 * keys * size + QUERIES * size + KEYS * QUERIES) +
                    sizeof(float) * (KEYS * QUERIES + QUERIES * size + 4 * QUERIES) + 4096);
    // Only the keys that these queries may see.
    const long low = shape.window ? std::max(0l, first - shape.window + 1) / KEYS * KEYS : 0;
    const long high = shape.causal ? std::min(task.keys, last) : task.keys;
    Word *k_rows = scratch.take<Word>(keys * size / PER), *v_across = scratch.take<Word>(keys * size / PER);
    Word *q_columns = scratch.take<Word>(QUERIES * size / PER), *p_down = scratch.take<Word>(KEYS * QUERIES / PER);
    float *s = scratch.take<float>(KEYS * QUERIES), *o = scratch.take<float>(QUERIES * size);
    float *most = scratch.take<float>(QUERIES), *total = scratch.take<float>(QUERIES),
          *shrink = scratch.take<float>(QUERIES);
    pack_rows(k.at(task.first_key + low, group), k.token, high - low, up(high - low, KEYS), size, k_rows);
    pack_across(v.at(task.first_key + low, group), v.token, high - low, size, v_across);
    const Tiles held(shape.tiles);
    const long whole = shape.tiles ? 2 * TILE : 2;  // what keys are rounded up to

    for (long query = first; query < last; query += QUERIES) {
        const long queries = std::min(QUERIES, last - query), lanes = up(queries, W);
        pack_columns(q.at(task.first_query + query, task.head), q.token, queries, size, q_columns);
        for (long i = 0; i < QUERIES; i++) most[i] = NEVER, total[i] = 0;
        bool fresh = true;
        const long key_end = shape.causal ? std::min(task.keys, query + queries) : task.keys;
        const long key_start = shape.window ? std::max(0l, query - shape.window + 1) / KEYS * KEYS : 0;
        for (long key = key_start; key < key_end; key += KEYS) {
            const long n = std::min(KEYS, key_end - key), even = up(n, 2), rounded_up = up(n, whole);
            multiply<Word>(shape.tiles, k_rows + (key - low) * (size / PER), size / PER, q_columns, QUERIES, size / PER,
                           s, QUERIES, n, lanes, nullptr, true);
            const bool partial = shape.partial(key, key + n, query, query + queries);
            if (even > n)
                for (long j = 0; j < lanes; j += W) store(s + n * QUERIES + j, splat(NEVER));
            for (long j = 0; j < lanes; j += W) {
                vf m = load(most + j), before = m;
                const vi place = places(query + j);
                for (long i = 0; i < n; i++) {
                    vf x = load(s + i * QUERIES + j) * c;
                    if (partial) x = choose(shape.seen(key + i, place), x, splat(NEVER));
                    store(s + i * QUERIES + j, x);
                    m = larger(m, x);
                }
                vf sums = splat(0);
                for (long i = 0; i < even; i += 2) {
                    vf one = exp2_of(load(s + i * QUERIES + j) - m), two = exp2_of(load(s + (i + 1) * QUERIES + j) - m);
                    if (i + 1 >= n) two = splat(0);
                    sums += one + two;
                    put_down(p_down + i / PER * QUERIES + j, QUERIES, one, two);
                }
                for (long i = even; i < rounded_up; i += PER) store((float *)(p_down + i / PER * QUERIES + j), splat(0));
                vf less = exp2_of(before - m);
                store(shrink + j, less);
                store(most + j, m);
                store(total + j, load(total + j) * less + sums);
            }
            multiply<Word>(shape.tiles, v_across + (key - low) / PER * size, KEYS / PER, p_down, QUERIES,
                           rounded_up / PER, o, QUERIES, size, lanes, shrink, fresh);
            fresh = false;
        }
        if (fresh) memset(o, 0, sizeof(float) * QUERIES * size);  // without a key there is nothing to take
        for (long j = 0; j < lanes; j += W) store(shrink + j, fresh ? splat(0) : 1.0f / load(total + j));
        put_columns(o, shrink, queries, size, out.at(task.first_query + query, task.head), out.token);
        for (long i = 0; i < queries; i++) {
            lse[task.head * lse_head + task.first_query + query + i] = most[i] * LN2 + std::log(total[i]);
        }
    }
}

template <class Word, class T, class G>
void backward_task(const Task &task, const Shape &shape, Heads<const T> q, Heads<const T> k, Heads<const T> v,
                   Heads<const T> out, const float *lse, long lse_head, Heads<const T> d_out, Heads<T> d_q, Heads<G> d_k,
                   Heads<G> d_v, long into, Scratch &scratch) {
    constexpr int PER = Words<Word>::PER;
    using E = typename Words<Word>::Element;
    const long size = shape.size, group = task.head / (shape.heads / shape.groups);
    const long tiles = up(task.queries, QUERIES) / QUERIES, room = tiles * QUERIES;
    const float c = shape.scale * LOG2E;
    scratch.reserve(sizeof(Word) * (4 * room * size + 3 * KEYS * size + 3 * KEYS * QUERIES) +
                    sizeof(float) * (room * size + 2 * room + 2 * KEYS * QUERIES + 2 * KEYS * size) + 8192);
    Word *q_columns = scratch.take<Word>(room * size / PER), *q_down = scratch.take<Word>(room * size / PER);
    Word *g_columns = scratch.take<Word>(room * size / PER), *g_down = scratch.take<Word>(room * size / PER);
    Word *k_rows = scratch.take<Word>(KEYS * size / PER), *v_rows = scratch.take<Word>(KEYS * size / PER);
    Word *k_across = scratch.take<Word>(KEYS * size / PER);
    Word *p = scratch.take<Word>(KEYS * QUERIES / PER), *ds = scratch.take<Word>(KEYS * QUERIES / PER);
    Word *ds_down = PER == 1 ? ds : scratch.take<Word>(KEYS * QUERIES / PER);
    float *dq = scratch.take<float>(room * size), *norm = scratch.take<float>(room), *delta = scratch.take<float>(room);
    float *s = scratch.take<float>(KEYS * QUERIES), *dp = scratch.take<float>(KEYS * QUERIES);
    float *dk = scratch.take<float>(KEYS * size), *dv = scratch.take<float>(KEYS * size);

    memset(dq, 0, sizeof(float) * room * size);
    for (long t = 0; t < tiles; t++) {
        const long query = t * QUERIES, queries = std::min(QUERIES, task.queries - query);
        const T *from = q.at(task.first_query + query, task.head), *slope = d_out.at(task.first_query + query, task.head);
        pack_columns(from, q.token, queries, size, q_columns + query * size / PER);
        pack_down(from, q.token, queries, QUERIES, size, q_down + query * size / PER);
        pack_columns(slope, d_out.token, queries, size, g_columns + query * size / PER);
        pack_down(slope, d_out.token, queries, QUERIES, size, g_down + query * size / PER);
    }
    for (long i = 0; i < room; i++) {
        if (i >= task.queries) {
            norm[i] = delta[i] = 0;
            continue;
        }
        vf sums = splat(0);
        const T *o = out.at(task.first_query + i, task.head), *g = d_out.at(task.first_query + i, task.head);
        for (long j = 0; j < size; j += W) sums += load(o + j) * load(g + j);
        delta[i] = sum(sums);
        norm[i] = lse[task.head * lse_head + task.first_query + i] * LOG2E;
    }

    const Tiles held(shape.tiles);
    const long whole = shape.tiles ? 2 * TILE : 2;  // what keys and queries are rounded up to
    for (long key = 0; key < task.keys; key += KEYS) {
        const long n = std::min(KEYS, task.keys - key), even = up(n, 2), rounded_up = up(n, whole);
        const T *k_from = k.at(task.first_key + key, group), *v_from = v.at(task.first_key + key, group);
        pack_rows(k_from, k.token, n, rounded_up, size, k_rows);
        pack_across(k_from, k.token, n, size, k_across);
        pack_rows(v_from, v.token, n, rounded_up, size, v_rows);
        bool fresh = true;
        long end = task.queries;  // queries from here on see none of these keys
        if (shape.window) end = std::min(end, key + n - 1 + shape.window);
        for (long query = shape.causal ? key / QUERIES * QUERIES : 0; query < end; query += QUERIES) {
            const long queries = std::min(QUERIES, task.queries - query), lanes = up(queries, shape.tiles ? whole : W);
            const long at = query * size / PER;
            multiply<Word>(shape.tiles, k_rows, size / PER, q_columns + at, QUERIES, size / PER, s, QUERIES, n, lanes,
                           nullptr, true);
            multiply<Word>(shape.tiles, v_rows, size / PER, g_columns + at, QUERIES, size / PER, dp, QUERIES, n, lanes,
                           nullptr, true);
            const bool partial = shape.partial(key, key + n, query, query + queries);
            for (long j = 0; j < lanes; j += W) {
                const vf less = load(norm + query + j), mean = load(delta + query + j);
                const vi place = places(query + j);
                for (long i = 0; i < even; i += 2) {
                    vf weight[2], slope[2];
                    for (int r = 0; r < 2; r++) {
                        if (i + r >= n) {
                            weight[r] = slope[r] = splat(0);
                        } else {
                            vf x = exp2_of(load(s + (i + r) * QUERIES + j) * c - less);
                            if (partial) x = choose(shape.seen(key + i + r, place), x, splat(0));
                            weight[r] = x;
                            slope[r] = x * (load(dp + (i + r) * QUERIES + j) - mean) * shape.scale;
                        }
                        store((E *)p + (i + r) * QUERIES + j, weight[r]);
                        store((E *)ds + (i + r) * QUERIES + j, slope[r]);
                    }
                    if constexpr (PER == 2) put_down(ds_down + i / 2 * QUERIES + j, QUERIES, slope[0], slope[1]);
                }
                for (long i = even; i < rounded_up; i += PER) store((float *)(ds_down + i / PER * QUERIES + j), splat(0));
            }
            const long steps = up(queries, shape.tiles ? whole : PER) / PER;
            multiply<Word>(shape.tiles, p, QUERIES / PER, g_down + at, size, steps, dv, size, n, size, nullptr, fresh);
            multiply<Word>(shape.tiles, ds, QUERIES / PER, q_down + at, size, steps, dk, size, n, size, nullptr, fresh);
            multiply<Word>(shape.tiles, k_across, KEYS / PER, ds_down, QUERIES, rounded_up / PER, dq + query * size,
                           QUERIES, size, lanes, nullptr, false);
            fresh = false;
        }
        for (long i = 0; i < n; i++) {
            G *to_k = d_k.at(task.first_key + key + i, into), *to_v = d_v.at(task.first_key + key + i, into);
            for (long j = 0; j < size; j += W) {
                store(to_k + j, fresh ? splat(0) : load(dk + i * size + j));
                store(to_v + j, fresh ? splat(0) : load(dv + i * size + j));
            }
        }
    }
    for (long query = 0; query < task.queries; query += QUERIES)
        put_columns(dq + query * size, nullptr, std::min(QUERIES, task.queries - query), size,
                    d_q.at(task.first_query + query, task.head), d_q.token);
}

std::vector<Task> tasks_of(const int64_t *query_borders, const int64_t *key_borders, long documents, long heads) {
    std::vector<Task> tasks;
    tasks.reserve(documents * heads);
    for (long d = 0; d < documents; d++)
        for (long h = 0; h < heads; h++)
            tasks.push_back({(long)query_borders[d], (long)(query_borders[d + 1] - query_borders[d]),
                             (long)key_borders[d], (long)(key_borders[d + 1] - key_borders[d]), h});
    // The longest first, so that no thread is left alone with a long one at the end.
    std::stable_sort(tasks.begin(), tasks.end(), [](const Task &a, const Task &b) {
        return a.queries * a.keys > b.queries * b.keys;
    });
    return tasks;
}

thread_local Scratch scratch;

template <class Word, class T>
void forward(const void *q, const void *k, const void *v, void *out, float *lse, const int64_t *strides,
             const int64_t *query_borders, const int64_t *key_borders, long documents, const Shape &shape, int threads) {
    const long tokens = query_borders[documents];
    std::vector<std::pair<Task, long>> pieces;
    for (const Task &task : tasks_of(query_borders, key_borders, documents, shape.heads))
        for (long first = (task.queries - 1) / CHUNK * CHUNK; first >= 0; first -= CHUNK) pieces.push_back({task, first});
    Heads<const T> q_{(const T *)q, strides[0], strides[1]}, k_{(const T *)k, strides[2], strides[3]},
        v_{(const T *)v, strides[4], strides[5]};
    Heads<T> out_{(T *)out, shape.heads * shape.size, shape.size};
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (long i = 0; i < (long)pieces.size(); i++) {
        const auto &[task, first] = pieces[i];
        forward_task<Word, T>(task, shape, q_, k_, v_, out_, lse, tokens, scratch, first,
                              std::min(task.queries, first + CHUNK));
    }
}

template <class Word, class T>
void backward(const void *q, const void *k, const void *v, const void *out, const float *lse, const void *d_out,
              void *d_q, void *d_k, void *d_v, float *partial_k, float *partial_v, const int64_t *strides,
              const int64_t *query_borders, const int64_t *key_borders, long documents, const Shape &shape, int threads) {
    const long tokens = query_borders[documents], keys = key_borders[documents], size = shape.size;
    const long share = shape.heads / shape.groups;
    const auto tasks = tasks_of(query_borders, key_borders, documents, shape.heads);
    Heads<const T> q_{(const T *)q, strides[0], strides[1]}, k_{(const T *)k, strides[2], strides[3]},
        v_{(const T *)v, strides[4], strides[5]}, g_{(const T *)d_out, strides[6], strides[7]},
        o_{(const T *)out, shape.heads * size, size};
    Heads<T> dq_{(T *)d_q, shape.heads * size, size};
    Heads<T> dk_{(T *)d_k, shape.groups * size, size}, dv_{(T *)d_v, shape.groups * size, size};
    Heads<float> pk_{partial_k, shape.heads * size, size}, pv_{partial_v, shape.heads * size, size};
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (long i = 0; i < (long)tasks.size(); i++) {
        const Task &task = tasks[i];
        if (share == 1)
            backward_task<Word, T, T>(task, shape, q_, k_, v_, o_, lse, tokens, g_, dq_, dk_, dv_, task.head, scratch);
        else
            backward_task<Word, T, float>(task, shape, q_, k_, v_, o_, lse, tokens, g_, dq_, pk_, pv_, task.head, scratch);
    }
    if (share == 1) return;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (long n = 0; n < keys; n++)
        for (long g = 0; g < shape.groups; g++)
            for (long j = 0; j < size; j += W) {
                vf sum_k = splat(0), sum_v = splat(0);
                for (long h = g * share; h < (g + 1) * share; h++) {
                    sum_k += load(pk_.at(n, h) + j);
                    sum_v += load(pv_.at(n, h) + j);
                }
                store(dk_.at(n, g) + j, sum_k);
                store(dv_.at(n, g) + j, sum_v);
            }
}

bool divides(const int64_t *borders, int64_t documents, int64_t tokens) {
    for (int64_t d = 0; d < documents; d++)
        if (borders[d + 1] < borders[d]) return false;
    return borders[0] == 0 && borders[documents] == tokens;
}

#if defined(__AVX512BF16__)
typedef uint32_t Bf16Word;
#else
typedef float Bf16Word;  // bf16 is read and written, floats are multiplied
#endif

Shape shape_of(long heads, long groups, long size, long window, float scale, int causal, int is_bf16) {
    const bool tiles = is_bf16 && size % (2 * TILE) == 0 && tiles_allowed();
    return {heads, groups, size, window, scale, causal != 0, tiles};
}

}  // namespace

extern "C" {

// Sizes of a head that are not a multiple of this are not for this machine's kernel.
int attention_lanes() { return W; }

// Both return 1, and touch nothing, where the borders do not divide `tokens` and `keys` into documents.

int attention_forward(int is_bf16, const void *q, const void *k, const void *v, void *out, float *lse,
                      const int64_t *strides, const int64_t *query_borders, const int64_t *key_borders,
                      int64_t documents, int64_t tokens, int64_t keys, int64_t heads, int64_t groups, int64_t size,
                      int64_t window, float scale, int causal, int threads) {
    if (!divides(query_borders, documents, tokens) || !divides(key_borders, documents, keys)) return 1;
    const Shape shape = shape_of(heads, groups, size, window, scale, causal, is_bf16);
    if (is_bf16)
        forward<Bf16Word, bf16>(q, k, v, out, lse, strides, query_borders, key_borders, documents, shape, threads);
    else
        forward<float, float>(q, k, v, out, lse, strides, query_borders, key_borders, documents, shape, threads);
    return 0;
}

int attention_backward(int is_bf16, const void *q, const void *k, const void *v, const void *out, const float *lse,
                       const void *d_out, void *d_q, void *d_k, void *d_v, float *partial_k, float *partial_v,
                       const int64_t *strides, const int64_t *query_borders, const int64_t *key_borders,
                       int64_t documents, int64_t tokens, int64_t keys, int64_t heads, int64_t groups, int64_t size,
                       int64_t window, float scale, int causal, int threads) {
    if (!divides(query_borders, documents, tokens) || !divides(key_borders, documents, keys)) return 1;
    const Shape shape = shape_of(heads, groups, size, window, scale, causal, is_bf16);
    if (is_bf16)
        backward<Bf16Word, bf16>(q, k, v, out, lse, d_out, d_q, d_k, d_v, partial_k, partial_v, strides, query_borders,
                                 key_borders, documents, shape, threads);
    else
        backward<float, float>(q, k, v, out, lse, d_out, d_q, d_k, d_v, partial_k, partial_v, strides, query_borders,
                               key_borders, documents, shape, threads);
    return 0;
}
}
