using System.Text;
using KdPlugins.Host.Reports.Page;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;

namespace KdPlugins.Host.Reports;

/// <summary>
/// The pages of a run, made from the files in its folder alone: at the end of a run, and at any time later. The page of
/// several seeds stands above those of the seeds.
/// </summary>
internal static class RunReport
{
    internal const string FileName = ReportPage.FileName;

    /// <summary>Makes the page of a run, those of its seeds, and the sheets of the data sets it has made.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="path">Where the run's own page goes; null for report.html in the folder.</param>
    /// <returns>The page's path.</returns>
    /// <exception cref="KdException"><c>KDP0560</c>: the file system refuses.</exception>
    internal static string Write(string folder, string? path = null)
    {
        var run = RunMaterial.Read(folder);
        foreach (var part in (IEnumerable<RunMaterial>)[.. run.Seeds, run])
        {
            foreach (var set in part.DataSets)
                set.Write();
            var page = part == run && path is not null ? path : Path.Combine(part.Folder, FileName);
            AtomicFile.Write(page, stream => stream.Write(Encoding.UTF8.GetBytes(ReportPage.Make(part))));
        }
        return path ?? Path.Combine(run.Folder, FileName);
    }

    /// <summary>The same at the end of a run, which must not fail by it.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="warn">Told why there is no page.</param>
    /// <returns>The page's path; null where it could not be made.</returns>
    internal static string? TryWrite(string folder, Action<string> warn)
    {
        try
        {
            return Write(folder);
        }
        // Whatever is wrong with a page, the networks and the numbers are there.
        catch (Exception e)
        {
            warn($"The page {FileName} could not be made: {e.Message} 'kd report {folder}' tries again.");
            return null;
        }
    }
}
