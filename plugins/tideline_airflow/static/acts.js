// The buttons: each triggers a DAG by Airflow's own API, so that the run is the signed-in user's and Airflow decides.
// Bound before there is a page, so that no press is lost while the rest of it loads.
(() => {
  const PATIENCE_MS = 60_000; // an Airflow that has just started takes half a minute for its first answer

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-dag]");
    if (button && !button.disabled) press(button);
  });

  async function press(button) {
    const { dag, stream, asks, label } = button.dataset;
    if (asks && !(await agreed(`${label} ${stream}?`, asks, label))) return;
    button.disabled = true;
    say("", `${label}: asking Airflow`);
    try {
      const run = await trigger(dag, { stream });
      say("", `${label}: `, runLink(dag, run));
      document.dispatchEvent(new Event("acted"));
    } catch (error) {
      say("bad", `${label}: ${error.message}`);
    }
    button.disabled = false;
  }

  function agreed(title, text, label) {
    const dialog = document.getElementById("ask");
    dialog.querySelector("h2").textContent = title;
    dialog.querySelector("p").textContent = text;
    dialog.querySelector("[value=yes]").textContent = label;
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    });
  }

  async function trigger(dag, conf) {
    const answer = await fetch(`${document.body.dataset.airflow}/api/v2/dags/${encodeURIComponent(dag)}/dagRuns`, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ conf, logical_date: null }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    }).catch(() => {
      throw new Error(`Airflow does not answer; before you press again, see whether ${dag} has a new run`);
    });
    const said = await answer.json().catch(() => ({}));
    if (answer.ok) return said.dag_run_id;
    const detail = typeof said.detail === "string" ? said.detail.split("\n")[0] : "";
    if (answer.status === 401) throw new Error("refused, you are signed out");
    throw new Error(`refused, ${detail || (answer.status === 403 ? "you may not do this" : `HTTP ${answer.status}`)}`);
  }

  function runLink(dag, run) {
    const link = document.createElement("a");
    link.href = `${document.body.dataset.airflow}/dags/${encodeURIComponent(dag)}/runs/${encodeURIComponent(run)}`;
    link.textContent = `run ${run}`;
    link.dataset.out = "";
    return link;
  }

  function say(tone, ...parts) {
    const message = document.getElementById("message");
    message.className = `message ${tone}`;
    message.replaceChildren(...parts);
  }
})();
