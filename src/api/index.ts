export { ApiModule } from './api.module.js';
export { ApiServer } from './api-server.js';
export { configureApi } from './configure-api.js';
export { LibraryAnswers } from './library-answers.js';
