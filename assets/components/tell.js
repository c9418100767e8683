// Tells the other components of a page one value, so that they keep the data they have.

import { tell } from "./dom.js";

export default function ({ data: [name, value] }) {
  tell(name, value);
}
