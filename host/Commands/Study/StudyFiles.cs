using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using KdPlugins.Core;

namespace KdPlugins.Host.Commands.Study;

/// <summary>What a study writes of its results: numbers, a table, a page.</summary>
internal static class StudyFiles
{
    internal const string MarkdownName = "study.md";
    internal const string PageName = "study.html";

    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Writes all three; each takes the place of the old one at once.</summary>
    internal static void Write(StudyFolder folder, StudyReport report)
    {
        folder.WriteFile(StudyRecord.FileName, JsonSerializer.SerializeToUtf8Bytes(report.ToJson(), Indented));
        folder.WriteFile(MarkdownName, Encoding.UTF8.GetBytes(StudyText.Markdown(report)));
        folder.WriteFile(PageName, Encoding.UTF8.GetBytes(StudyPage.Make(report)));
    }
}
