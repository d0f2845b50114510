using KdPlugins.Host.Tests.Commands;

namespace KdPlugins.Host.Tests.Service;

/// <summary>
/// A worker that takes no time: it trains nothing, and does what the name of its run says. Plugin folders are good for it.
/// </summary>
internal static class ScriptedWorker
{
    // Arguments: run RECIPE --out FOLDER ... --channel DESCRIPTOR; a worker that is asked to end finds its standard input
    // closed.
    private const string Script = """
        for channel; do :; done
        say() { echo "$1" > "/dev/fd/$channel"; }
        [ "$1" = plugins ] && say '{"event":"verified","problems":[]}' && exit 0
        echo "arguments: $*"
        mkdir -p "$4"
        step() {
          say "{\"event\":\"step\",\"stage\":\"distil\",\"step\":$1,\"totalSteps\":$2,\"epoch\":1,\"totalEpochs\":2,\"imagesPerSecond\":100,\"secondsLeft\":9,\"values\":{\"loss\":1.5}}"
          echo "{\"kind\":\"step\",\"stage\":\"distil\",\"step\":$1,\"values\":{\"loss\":1.$1,\"lr.student\":0.1}}" >> "$events"
        }
        events="$4/events.jsonl"
        name=$(grep -o '"name": *"[^"]*"' "$2" | head -n 1 | cut -d '"' -f 4)
        step 1 10
        case "$name" in
          escapes) printf '\033[2J\033]0;owned\007 shown\n' ;;
          crashes) kill -SEGV $$ ;;
          exits) exit 42 ;;
          exits-as-if-done) exit 0 ;;
          exits-as-if-stopped) exit 143 ;;
          hangs) exec sleep 600 ;;
          eats) exec dd if=/dev/zero of=/dev/null bs=300M count=100000 ;;
          fills) while :; do head -c 2000000 /dev/zero >> "$4/fill"; sleep 0.05; done ;;
          fails) say '{"event":"error","code":"KDP0701","message":"KDP0701 the loss is NaN. Lower training.optimiser.learningRate.","exitCode":5}'; exit 5 ;;
          prints-done) echo '{"event":"done","report":{}}'; echo '{"event":"stopped"}' >&2; exit 0 ;;
          prints-odd) for to in 1 2; do printf '{"event":5}\n{"event":"step","event":"step"}\n{"event":"\\ud800"}\n{"event":"error","message":"printed"}\n\000\377\033[2J\n' >&$to; done; head -c 3000000 /dev/zero ;;
          prints-on) while :; do echo '{"event":"step","step":1}'; sleep 0.2; done ;;
          waits) cat > /dev/null; say '{"event":"stopped","exitCode":143}'; exit 143 ;;
          trains) n=1; while [ $n -lt 400 ]; do n=$((n + 1)); step $n 400; sleep 0.2; done ;;
        esac
        say '{"event":"done","report":{}}'
        """;

    /// <summary>Writes the script below a folder of tests; where it lies.</summary>
    internal static string Write(Kd kd) => kd.Write("worker.sh", Script);
}
