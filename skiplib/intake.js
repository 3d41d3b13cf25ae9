// A file from the user's disk, dropped or chosen, or a recording from the microphone, sent to Python as bytes.
const LARGEST = 8e6; // bytes; Jupyter closes the connection at 10 MB
const LONGEST = 29; // seconds of a recording; Python takes 30

const CSS = `
.intake { border: 2px dashed #767f89; border-radius: 6px; padding: .5rem .8rem; max-width: 26rem; }
.intake.over { border-style: solid; background: rgba(0, 96, 156, .12); }
.intake label, .intake button, .intake input { font: inherit; }
.intake p { margin: .2rem 0 0; min-height: 1.3em; }
`;

function wav(samples, rate) { // 16-bit mono
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const letters = (place, text) => [...text].forEach((c, i) => view.setUint8(place + i, c.charCodeAt(0)));
  letters(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  letters(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  letters(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((x, i) => view.setInt16(44 + 2 * i, Math.max(-1, Math.min(1, x)) * 32767, true));
  return view;
}

function render({ model, el }) {
  const box = document.createElement("div");
  const label = document.createElement("label");
  const file = document.createElement("input");
  const status = document.createElement("p");
  const sheet = document.createElement("style");
  sheet.textContent = CSS;
  box.className = "intake";
  file.type = "file";
  file.accept = model.get("accept");
  status.setAttribute("role", "status");
  label.append(`${model.get("prompt")} `, file);
  box.append(label);
  el.append(sheet, box);

  const say = text => { status.textContent = text; };
  const send = (name, view) => {
    model.set("content", view);
    model.set("name", name);
    model.set("count", model.get("count") + 1); // Python acts on this one: all three have arrived
    model.save_changes();
  };

  async function take(given) {
    if (!given) return;
    file.value = ""; // or choosing the same file again is no change
    if (given.size > LARGEST) {
      say(`${given.name} has ${(given.size / 1e6).toFixed(1)} MB; at most ${LARGEST / 1e6} MB are taken.`);
      return;
    }
    say(`${given.name} is on its way ...`);
    send(given.name, new DataView(await given.arrayBuffer()));
  }

  file.addEventListener("change", () => take(file.files[0]));
  for (const kind of ["dragenter", "dragover"])
    box.addEventListener(kind, event => { event.preventDefault(); event.stopPropagation(); box.classList.add("over"); });
  for (const kind of ["dragleave", "drop"]) box.addEventListener(kind, () => box.classList.remove("over"));
  box.addEventListener("drop", event => {
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would open the file itself
    take(event.dataTransfer.files[0]);
  });

  if (model.get("records")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Record";
    let recorder = null;
    let limit = null;
    button.addEventListener("click", async () => {
      if (recorder) { recorder.stop(); return; }
      button.disabled = true; // a second click would ask for a second recording, which nothing stops
      try {
        const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
        const parts = [];
        recorder = new MediaRecorder(stream);
        recorder.addEventListener("dataavailable", event => parts.push(event.data));
        recorder.addEventListener("stop", async () => {
          clearTimeout(limit); // it would cut the next one
          recorder = null;
          button.textContent = "Record";
          stream.getTracks().forEach(track => track.stop());
          const context = new AudioContext({ sampleRate: 16000 });
          try {
            const heard = await context.decodeAudioData(await new Blob(parts).arrayBuffer());
            send("recording.wav", wav(heard.getChannelData(0), heard.sampleRate));
          } catch (error) {
            say(`Nothing was recorded: ${error.message}. Speak before you stop.`);
          }
          context.close();
        });
        recorder.start();
        limit = setTimeout(() => recorder && recorder.stop(), 1000 * LONGEST);
        button.textContent = "Stop";
        say(`Recording, at most ${LONGEST} seconds ...`);
      } catch (error) {
        recorder = null;
        say(`No recording: ${error.message}. Allow the microphone (pages of https:// or localhost may ask), or give a file.`);
      }
      button.disabled = false;
    });
    box.append(button);
  }
  box.append(status);
  model.on("change:message", () => say(model.get("message")));
  say(model.get("message"));
}

export default { render };
