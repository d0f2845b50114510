using Microsoft.Extensions.Logging;

namespace KdPlugins.Host.Service;

/// <summary>
/// Carries out the parts of the service that work in the background, turn after turn. What goes wrong in a turn is reported,
/// and after a pause, longer with every failure in a row, the part goes on: nothing that it meets ends the service.
/// </summary>
internal sealed class PartRunner(TimeProvider clock, ServiceMetrics metrics, ILogger<PartRunner> log)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(60);

    /// <summary>Takes turns until it is to stop.</summary>
    /// <param name="part">The part's name, for people.</param>
    /// <param name="turn">One turn; it waits by itself where there is nothing to do.</param>
    /// <param name="stop">Ends the turns.</param>
    internal async Task Run(string part, Func<CancellationToken, Task> turn, CancellationToken stop)
    {
        // The start of the service does not wait for a part's first turn.
        await Task.Yield();
        for (var pause = FirstPause; !stop.IsCancellationRequested; )
            try
            {
                await turn(stop);
                pause = FirstPause;
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested) { }
            catch (Exception e)
            {
                Log.PartTrouble(log, part, pause.TotalSeconds, e);
                metrics.PartFailed(part);
                await Task.Delay(pause, clock, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
    }
}
