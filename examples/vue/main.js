import { createApp } from "vue";
import Form from "./Form.vue";

createApp(Form).mount("#app");
