/* letter_file.c - a file of dead letters, line by line; see letter_file.h */
#include "letter_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fdio.h"
#include "weft/weft.h"

#define CHUNK	(256 << 10)

int
letter_file_open(struct letter_file *f, const char *path)
{
	*f = (struct letter_file){ .fd = fdio_open(path, O_RDONLY | O_CLOEXEC, 0) };
	if (f->fd < 0)
		return f->fd;
	buf_grow(&f->bytes, CHUNK);
	return 0;
}

int
letter_file_next(struct letter_file *f, const char **line, size_t *len)
{
	struct buf *b = &f->bytes;
	size_t looked = 0;
	char *eol;

	while (!(eol = memchr(b->data + f->at + looked, '\n', b->len - f->at - looked))) {
		ssize_t n;

		if (f->end)
			break;
		looked = b->len - f->at;
		memmove(b->data, b->data + f->at, looked);
		b->len = looked;
		f->at = 0;
		buf_grow(b, CHUNK);
		n = fdio_read(f->fd, b->data + b->len, CHUNK);
		if (n < 0)
			return n;
		f->end = n == 0;
		b->len += n;
	}
	*line = b->data + f->at;
	*len = eol ? (size_t)(eol + 1 - *line) : b->len - f->at;
	f->at += *len;
	return *len > 0;
}

int
letter_file_id(struct letter_file *f, struct file_id *id)
{
	unsigned char head[FILE_HEAD];
	uint64_t hash = 14695981039346656037u;	/* FNV-1a */
	ssize_t n = pread(f->fd, head, sizeof(head), 0);
	struct stat st;

	if (n < 0 || fstat(f->fd, &st) < 0)
		return -errno;
	for (ssize_t i = 0; i < n; i++)
		hash = (hash ^ head[i]) * 1099511628211u;
	*id = (struct file_id){
		.dev = st.st_dev, .ino = st.st_ino, .head_len = n, .head_hash = hash
	};
	return 0;
}

void
letter_file_close(struct letter_file *f)
{
	close(f->fd);
	buf_finish(&f->bytes);
}
