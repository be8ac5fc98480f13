// timeout: 300s
import { test } from 'uvu';
import { cowBtreeConforms } from './cow-btree.js';

cowBtreeConforms(3);
test.run();
