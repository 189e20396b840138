/** Where this program lies: in `src` or, all modules in one bundle, in `dist`. What it reads beside itself is found from here. */
export const HERE = new URL('.', import.meta.url)
