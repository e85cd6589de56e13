/*
 * sort.h - sorting in place: the C library's qsort may allocate, which a report of
 * a broken heap must not
 *
 *	sort_by(found, n, id);		ascending by the member id
 *	sort_if(found, n, later);	by a function: later(a, b), *a belongs after *b
 *
 * Shell's: quick enough for a million, and quicker for what is nearly sorted.
 */
#ifndef BASE_SORT_H
#define BASE_SORT_H

#include <stddef.h>

#define sort_by(array, count, member) \
	SORT_(array, count, sort_a_[j_ - gap_].member > x_.member)
#define sort_if(array, count, later) \
	SORT_(array, count, later(&sort_a_[j_ - gap_], &x_))

#define SORT_(array, count, is_later) __extension__ ({			\
	__typeof__(&*(array)) sort_a_ = (array);			\
	size_t sort_n_ = (count);					\
	for (size_t gap_ = sort_n_ / 2; gap_ > 0; gap_ = gap_ == 2 ? 1 : gap_ * 5 / 11) \
		for (size_t i_ = gap_; i_ < sort_n_; i_++) {		\
			__typeof__(*sort_a_) x_ = sort_a_[i_];		\
			size_t j_ = i_;					\
			for (; j_ >= gap_ && (is_later); j_ -= gap_)	\
				sort_a_[j_] = sort_a_[j_ - gap_];	\
			sort_a_[j_] = x_;				\
		}							\
})

#endif
