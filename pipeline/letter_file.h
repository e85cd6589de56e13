/*
 * letter_file.h - a file of dead letters, line by line
 *
 * A line may be as long as it likes; its memory is that of the reader, and good until the next
 * one.  It is as it stands there, a letter or not, with its newline, which the last may lack.
 */
#ifndef WEFT_PIPELINE_LETTER_FILE_H
#define WEFT_PIPELINE_LETTER_FILE_H

#include "base/buf.h"
#include "source.h"

struct letter_file {
	int		 fd;
	struct buf	 bytes;
	size_t		 at;		/* what of them is read */
	bool		 end;
};

int	letter_file_open(struct letter_file *f, const char *path);
int	letter_file_next(struct letter_file *f, const char **line, size_t *len); /* 1; 0: the end */
/* Who it is: a new file with the same number would not begin with the same letter. */
int	letter_file_id(struct letter_file *f, struct file_id *id);
void	letter_file_close(struct letter_file *f);

#endif
