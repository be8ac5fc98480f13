// timeout: 300s
import { test } from 'uvu';
import { cowBtreeConforms } from './cow-btree.js';

cowBtreeConforms(1);
test.run();
